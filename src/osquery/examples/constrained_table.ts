/**
 * A table that uses the constraints of a query: it reads /proc for the wanted pids only.
 *
 *     node src/osquery/examples/constrained_table.ts --socket /tmp/osquery.em
 *     osquery> SELECT soft, hard FROM process_limits WHERE pid IN (1, 2) AND name = 'Max open files';
 */
import { readdirSync, readFileSync } from 'node:fs';
import {
  bigint,
  ColumnOption,
  Extension,
  equalIntegers,
  launchOptions,
  rowMatcher,
  type TablePlugin,
  text,
} from '../index.ts';

interface Limit {
  readonly pid: number;
  readonly line: number;
  /** Name, soft limit, hard limit. */
  readonly cells: readonly string[];
}

const processLimits: TablePlugin<Limit> = {
  name: 'process_limits',
  description: 'Resource limits of processes',
  columns: [
    // index: a query by pid is cheap. optimized: an IN list arrives in one call.
    bigint('pid', 'Process ID', (limit) => limit.pid, ColumnOption.index | ColumnOption.optimized),
    text('name', 'Name of the limit, as in /proc/PID/limits', ({ cells }) => cells[0] ?? null),
    text('soft', 'Soft limit', ({ cells }) => cells[1] ?? null),
    text('hard', 'Hard limit', ({ cells }) => cells[2] ?? null),
  ],
  // Unique and stable: /proc/PID/limits has fewer than 32 lines, always in the same order.
  rowid: ({ pid, line }) => pid * 32 + line,
  *generate(context) {
    const admits = rowMatcher(processLimits.columns, context);
    for (const pid of new Set(equalIntegers(context, 'pid') ?? allPids())) {
      // An undefined row is a pause in which other queries may run.
      yield undefined;
      for (const limit of limitsOf(pid)) if (admits?.(limit) ?? true) yield limit;
    }
  },
};

const allPids = (): number[] => readdirSync('/proc').map(Number).filter(Number.isInteger);

function limitsOf(pid: number): Limit[] {
  try {
    const lines = readFileSync(`/proc/${pid}/limits`, 'utf8').split('\n').slice(1, -1);
    return lines.map((text, line) => ({ pid, line, cells: text.split(/ {2,}/) }));
  } catch {
    return []; // The process has ended.
  }
}

await new Extension({ name: 'limits', version: '1.0.0', ...launchOptions(), plugins: [processLimits] }).run();
