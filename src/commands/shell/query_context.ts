/** Builds the context of a `generate` call, the JSON text that osquery sends (osquery/core/tables.cpp, QueryContext). */
import type { Constraint } from './push_down.ts';
import type { RegisteredTable } from './registered_table.ts';

export function queryContext(
  table: RegisteredTable,
  usedColumns: ReadonlySet<string>,
  constraints: readonly Constraint[],
): string {
  const sorted = table.columns
    .filter(({ target }) => target === undefined)
    .toSorted((one, other) => (one.name < other.name ? -1 : 1));
  const lists = sorted.map(({ name, type }) => ({
    name,
    list: constraints.filter(({ column }) => column === name).map(({ op, expr }) => ({ op, expr })),
    affinity: type,
  }));
  // osquery requests the target column of an alias.
  const wanted = new Set(
    [...usedColumns].map((used) => table.columns.find(({ name }) => name === used)?.target ?? used),
  );
  const used = table.columns.filter(({ name }) => wanted.has(name)).map(({ name }) => name);
  // Written as text: the mask has 64 bits, which a JavaScript number cannot represent.
  return `{"constraints":${JSON.stringify(lists)},"colsUsed":${JSON.stringify(used)},"colsUsedBitset":${mask(table, wanted)}}`;
}

/** SQLite's mask of used columns. The last bit represents the 64th and all later columns. */
function mask(table: RegisteredTable, usedColumns: ReadonlySet<string>): bigint {
  return table.columns.reduce(
    (bits, { name }, index) => (usedColumns.has(name) ? bits | (1n << BigInt(Math.min(index, 63))) : bits),
    0n,
  );
}
