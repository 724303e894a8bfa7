/** Which column a field of a rule is. */
import { columns } from '../../../tables/process_ancestry_events.ts';
import type { Column } from './test_sql.ts';
import { UnsupportedError } from './unsupported.ts';

/** Names of users that statement.ts adds to its rows `executions`: the uid of each. */
export const USER_NAMES: Readonly<Record<string, string>> = {
  user_name: 'executions.uid',
  parent_user_name: "executions.ancestry->>'$[0].uid'",
};

const FIELDS = new Map(
  Object.entries({
    Image: 'path',
    CommandLine: 'cmdline',
    CurrentDirectory: 'cwd',
    User: 'user_name',
    ParentImage: 'parent_path',
    ParentCommandLine: 'parent_cmdline',
    ParentUser: 'parent_user_name',
    ProcessId: 'pid',
    ParentProcessId: 'parent',
    ProcessGuid: 'entity_id',
    ParentProcessGuid: 'parent_entity_id',
    LogonId: 'auid',
    Hashes: 'sha256',
  }),
);
/** Columns that are no fact about the execution. */
const NO_FIELDS = ['ecs', 'subscriber'];

const COLUMNS = new Map<string, Column>([
  ...columns
    .filter(({ name }) => !NO_FIELDS.includes(name))
    .map(({ name, type }): [string, Column] => [name, { sql: name, isNumber: type !== 'TEXT' }]),
  ...Object.keys(USER_NAMES).map((name): [string, Column] => [name, { sql: name, isNumber: false }]),
]);

/** Keywords are looked for in each of these. */
export const KEYWORD_COLUMNS: readonly Column[] = ['path', 'cmdline', 'cwd', 'parent_path', 'parent_cmdline'].map(
  columnOf,
);

/** A field of Sigma's process_creation, or a column by its own name. */
export function columnOf(field: string): Column {
  const column = COLUMNS.get(FIELDS.get(field) ?? field);
  if (column) return column;
  throw new UnsupportedError(`process_ancestry_events has no column for the field ${JSON.stringify(field)}`);
}

/** The SHA-256 of a value of Hashes (`SHA256=…`, or 64 digits): the column has no other hash. */
export function sha256Of(value: string): string {
  const [, digits] = /^\*?(?:SHA256=)?([\da-f]{64})\*?$/i.exec(value) ?? [];
  if (digits !== undefined) return digits;
  throw new UnsupportedError(`${JSON.stringify(value)} is not a whole SHA-256: the table has no other hash`);
}
