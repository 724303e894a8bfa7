/**
 * What queries may make of links, as functions that SQL can call in a condition. What is only to be shown is not made by
 * SQL: the text would be copied into SQLite and out again for each row.
 */
import type { DatabaseSync } from 'node:sqlite';
import type { Place } from '../ecs/process_fragment.ts';
import type { StoredValue } from './event_columns.ts';
import type { LinkReader } from './link_reader.ts';

type LinkFunction = (links: LinkReader, ...args: never[]) => string;

const FUNCTIONS = {
  ancestry: (links: LinkReader, creator: number | null, depth: number) => links.ancestry(creator, depth),
  ancestor_ids: (links: LinkReader, creator: number | null, depth: number) => links.ancestorIds(creator, depth),
  link_cmdline: (links: LinkReader, link: number | null, long: string) => links.cmdline(link, long),
  leader: (links: LinkReader, link: number | null, entityId: string) => links.leader(link, entityId),
  entry_leader: (links: LinkReader, link: number | null, entityId: string, type: string, sourceIp: string) =>
    links.entryLeader(link, entityId, type, sourceIp),
  ecs_process: (links: LinkReader, link: number | null, place: Place) => links.fragment(link, place),
} as const satisfies Record<string, LinkFunction>;

interface LinkCall {
  readonly name: keyof typeof FUNCTIONS;
  readonly args: readonly string[];
}

const calls = new Map<string, LinkCall>();

/** SQL of a call. The arguments are columns, or text in quotes. */
export function linkCall(name: LinkCall['name'], ...args: readonly string[]): string {
  const sql = `${name}(${args.join(', ')})`;
  calls.set(sql, { name, args });
  return sql;
}

export function defineLinkFunctions(db: DatabaseSync, links: LinkReader): void {
  for (const [name, make] of Object.entries(FUNCTIONS)) {
    const args = make.length - 1;
    const call = (...values: unknown[]) =>
      (make as (links: LinkReader, ...values: unknown[]) => string)(links, ...values);
    // node:sqlite counts a function's parameters, and these have none that it sees.
    Object.defineProperty(call, 'length', { value: args });
    db.function(name, { deterministic: true }, call);
  }
}

/** What SQL is to give for some expressions, and how a row of it becomes one of theirs. */
export interface RowPlan {
  readonly sql: readonly string[];
  readonly finish: (row: StoredValue[]) => void;
}

export function planRows(expressions: readonly string[], links: LinkReader): RowPlan {
  const sql = [...expressions];
  const made = expressions.flatMap((expression, at) => {
    const call = calls.get(expression);
    return call ? [{ at, call }] : [];
  });
  for (const { at } of made) sql[at] = 'NULL';
  // A text of megabytes is not read twice for a row.
  const firsts = new Map<string, number>();
  const repeated = expressions.flatMap((expression, at) => {
    const from = firsts.get(expression);
    if (from === undefined) firsts.set(expression, at);
    return from !== undefined && expression !== 'NULL' && !calls.has(expression) ? [{ at, from }] : [];
  });
  for (const { at } of repeated) sql[at] = 'NULL';
  const steps = made.map(({ at, call }) => {
    const values = call.args.map((arg) => {
      if (arg.startsWith("'")) return { text: arg.slice(1, -1) };
      const known = sql.indexOf(arg);
      return { from: known < 0 ? sql.push(arg) - 1 : known };
    });
    return { at, values, make: FUNCTIONS[call.name] as (links: LinkReader, ...values: unknown[]) => string };
  });
  return {
    sql,
    finish: (row) => {
      for (const { at, from } of repeated) row[at] = row[from] as StoredValue;
      for (const { at, values, make } of steps) {
        row[at] = make(links, ...values.map(({ text, from }) => text ?? row[from as number]));
      }
      row.length = expressions.length;
    },
  };
}
