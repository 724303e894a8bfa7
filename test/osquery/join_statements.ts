/** The statements of packaging/osquery/README.md that join process_ancestry to osquery's tables, over rows that fit the sample log. */
import { readFileSync } from 'node:fs';

/** A miner of the sample log, and when it ran. */
const [PID, TIME] = [4065, 1_793_523_902];
/** Its ancestors, from the creator up. */
export const CHAIN = [4064, 4061, 4036, 4035, 4021, 812, 1];

/** Rows that stand for a table of osquery: the statement reads them by its name. */
const TABLES = {
  socket_events: `SELECT ${PID} AS pid, ${TIME} AS time, 'connect' AS action, '/tmp/.x/kworkerd' AS path, '198.51.100.7' AS remote_address, 3333 AS remote_port`,
  process_open_sockets: `SELECT ${PID} AS pid, '198.51.100.7' AS remote_address, 3333 AS remote_port`,
  process_file_events: `SELECT ${PID} AS pid, ${TIME} AS time, 'write' AS operation, '/etc/cron.d/x' AS path, '/tmp/.x/kworkerd' AS executable, 0 AS uid`,
} as const;

export interface JoinStatement {
  readonly table: string;
  readonly sql: string;
}

const guide = readFileSync(new URL('../../packaging/osquery/README.md', import.meta.url), 'utf8');

/** The statements, each over the rows above. */
export const joinStatements: readonly JoinStatement[] = [...guide.matchAll(/```sql\n(.*?)```/gs)].flatMap(
  ([, sql = '']) =>
    Object.entries(TABLES)
      .filter(([table]) => sql.includes(`FROM ${table}`))
      .map(([table, rows]) => ({ table, sql: `WITH ${table} AS (${rows})\n${sql.trim().replace(/^--.*\n/, '')}` })),
);

/** The ancestors in an answer, from the creator up. */
export function ancestorPids(rows: readonly Readonly<Record<string, string>>[]): number[] {
  return rows.flatMap(({ ancestor_pid, started_by }) =>
    started_by === undefined
      ? [Number(ancestor_pid)]
      : started_by.split(' < ').map((one) => Number(one.split(' ').pop())),
  );
}
