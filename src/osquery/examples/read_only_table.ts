/**
 * A table that refuses writes. osqueryi refuses INSERT, UPDATE and DELETE itself; osqueryd sends the table the actions
 * `insert`, `update` and `delete`. Every table of this SDK answers `{ status: 'readonly' }`, and the statement fails.
 *
 *     node src/osquery/examples/read_only_table.ts --socket /tmp/osquery.em
 *     osquery> SELECT * FROM agent_settings;
 *     osquery> UPDATE agent_settings SET value = 'debug' WHERE name = 'log_level';
 *     Error: table agent_settings may not be modified
 */
import { Extension, launchOptions, RowIds, type TablePlugin, text } from '../index.ts';

interface Setting {
  readonly name: string;
  value: string;
}

/** Settings may change in this process; SQL cannot change them. */
const SETTINGS: readonly Setting[] = [
  { name: 'log_level', value: 'info' },
  { name: 'started', value: new Date().toISOString() },
];

const rowIds = new RowIds<Setting>();

const agentSettings: TablePlugin<Setting> = {
  name: 'agent_settings',
  description: 'Settings of this agent (read-only)',
  columns: [
    text('name', 'Name of the setting', (setting) => setting.name),
    text('value', 'Current value', (setting) => setting.value),
  ],
  // RowIds numbers long-lived objects: the same object has the same id in every answer.
  rowid: (setting) => rowIds.of(setting),
  generate: () => SETTINGS,
};

await new Extension({ name: 'settings', version: '1.0.0', ...launchOptions(), plugins: [agentSettings] }).run();
