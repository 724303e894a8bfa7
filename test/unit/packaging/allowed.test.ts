/** What process_ancestry_allow leaves out of a detection, in SQLite over rows of process_ancestry_events. */
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, test } from 'vitest';
import { combinedStatement, statementOf } from '../../../packaging/osquery/detection_sql.ts';
import type { AllowRule } from '../../../src/config/allow_rules.ts';
import { columns as allowColumns } from '../../../tables/process_ancestry_allow.ts';
import { columns as eventColumns } from '../../../tables/process_ancestry_events.ts';

type Cells = Readonly<Record<string, string | number | null>>;

const CREATOR = { exe_name: 'agent', path: '/opt/a/agent', pid: 7, uid: 0, root: '/', root_owned: 1 };
const ROW: Cells = {
  ...{
    pid: 8,
    action: 'exec',
    path: '/usr/bin/x',
    cmdline: 'x -y',
    cwd: '/srv',
    uid: 0,
    uptime: 5,
    entry_type: 'init',
  },
  ...{ owner_uid: 0, mode: '0755', root: '/', cgroup_path: '/system.slice/a.service', args: '["x","-y"]' },
};
const RULE = { name: 'some_detection', techniques: ['T1059'], condition: 'pid = 8' };

/** How often the row is found, by the statement of the detection and by that of all. */
function found(
  rules: readonly AllowRule[],
  changes: Cells = {},
  above: readonly Cells[] = [CREATOR],
  unknown: '' | null = null,
) {
  using database = new DatabaseSync(':memory:');
  const insert = (table: string, columns: readonly { name: string; type: string }[], cells: Cells) => {
    database.exec(`CREATE TABLE IF NOT EXISTS ${table} (${columns.map(({ name, type }) => `${name} ${type}`).join()})`);
    const values = columns.map(({ name, type }) => cells[name] ?? (type === 'TEXT' ? unknown : null));
    database.prepare(`INSERT INTO ${table} VALUES (${columns.map(() => '?').join()})`).run(...values);
  };
  insert('process_ancestry_allow', allowColumns, { detection: 'another_detection' });
  for (const rule of rules) insert('process_ancestry_allow', allowColumns, rule);
  const row = { ...ROW, ...changes, ancestry: JSON.stringify(above) };
  return [statementOf(RULE), combinedStatement([RULE])].map((sql, at) => {
    const subscriber = at === 0 ? 'detections.some_detection' : 'detections';
    database.exec('DROP TABLE IF EXISTS process_ancestry_events');
    insert('process_ancestry_events', eventColumns, { ...row, subscriber });
    return database.prepare(sql).all().length;
  });
}

const FOUND = [1, 1];
const ALLOWED = [0, 0];
const allow = (fields: Omit<AllowRule, 'detection'>) => [{ detection: 'some_*', ...fields }];

test('without a rule for it, the row is found', () => {
  expect(found([])).toEqual(FOUND);
  expect(found([{ detection: 'other*' }])).toEqual(FOUND);
});

describe.each([
  ['the detection', {}, {}],
  ['the path', { path: '/usr/bin/?' }, { path: '/usr/bin/x1' }],
  ['the path of the creator', { parent_path: '/opt/*' }, { parent: 1 }, [{ ...CREATOR, path: '/srv/agent' }]],
  ['the path of an ancestor', { ancestor_path: '/opt/*' }, {}, [{ ...CREATOR, path: '/srv/agent' }]],
  ['the user', { uid: 0 }, { uid: 1 }],
  ['the entry', { entry_type: 'i*' }, { entry_type: 'sshd' }],
  ['the control group', { cgroup_path: '/system.slice/a.*' }, { cgroup_path: '/user.slice' }],
  ['the user and the command line', { uid: 0, cmdline: 'x -?' }, { cmdline: 'x -yy' }],
  ['the user and the directory', { uid: 0, cwd: '/srv' }, { cwd: '/srv/x' }],
] as const)('a rule with %s', (_, fields, others: Cells, above?: readonly Cells[]) => {
  test('leaves the row out', () => expect(found(allow(fields))).toEqual(ALLOWED));
  test('also where osquery makes an empty text of NULL', () =>
    expect(found(allow(fields), {}, [CREATOR], '')).toEqual(ALLOWED));
  if (Object.keys(fields).length > 0) {
    test('leaves another row in', () => expect(found(allow(fields), others, above)).toEqual(FOUND));
    test('leaves a row in of which the fact is not known', () => {
      const unknown = Object.fromEntries(Object.keys(fields).map((name) => [name, null]));
      expect(found(allow(fields), unknown, [])).toEqual(FOUND);
    });
  }
});

describe('a path counts only where its user cannot forge it:', () => {
  test.each<[string, Omit<AllowRule, 'detection'>, Cells, Cells]>([
    ['the program is a file of another user', { path: '/usr/bin/x' }, { owner_uid: 1000 }, {}],
    ['others may write the program', { path: '/usr/bin/x' }, { mode: '0757' }, {}],
    ['the owner is not known', { path: '/usr/bin/x' }, { owner_uid: null }, {}],
    ['the path is that of another root', { path: '/usr/bin/x' }, { root: 'mnt:[4026532000]', uid: 1000 }, {}],
    ['the root is not known', { path: '/usr/bin/x' }, { root: null, uid: 1000 }, {}],
    ['the creator is a file of another user', { parent_path: '/opt/a/agent' }, {}, { root_owned: 0 }],
    ['the creator is in another root', { parent_path: '/opt/a/agent' }, {}, { root: 'mnt:[1]', uid: 1000 }],
    ['the ancestor is a file of another user', { ancestor_path: '/opt/a/agent' }, {}, { root_owned: null }],
    ['another user executed the ancestor', { ancestor_path: '/opt/a/agent' }, {}, { uid: 1000 }],
  ])('%s', (_, fields, changes, creator) => {
    expect(found(allow(fields), changes, [{ ...CREATOR, ...creator }])).toEqual(FOUND);
  });
});

test('an ancestor counts at any distance', () => {
  const far = [{ ...CREATOR, path: '/usr/bin/sh' }, { ...CREATOR, path: '/usr/bin/env' }, CREATOR];
  expect(found(allow({ ancestor_path: '/opt/a/agent' }), {}, far)).toEqual(ALLOWED);
  expect(found(allow({ parent_path: '/opt/a/agent' }), {}, far)).toEqual(FOUND);
});

test('the rules are read at most once in a statement, and only when a row is found', () => {
  using database = new DatabaseSync(':memory:');
  let reads = 0;
  database.function('read', () => ++reads);
  const quoted = (value: string | number | null = null) => (typeof value === 'string' ? `'${value}'` : String(value));
  const columns = (all: readonly { name: string }[], values: Cells) =>
    all.map(({ name }) => `${quoted(values[name])} AS ${name}`).join(', ');
  const row = columns(eventColumns, { ...ROW, ancestry: '[]', subscriber: 'detections' });
  database.exec(`CREATE VIEW process_ancestry_events AS SELECT ${row} UNION ALL SELECT ${row} UNION ALL SELECT ${row}`);
  const rule = columns(allowColumns, { detection: 'none' });
  database.exec(`CREATE VIEW process_ancestry_allow AS SELECT ${rule} WHERE read() > 0`);
  const none = { ...RULE, name: 'other_detection', condition: 'pid = 9' };
  expect(database.prepare(combinedStatement([none])).all()).toEqual([]);
  expect(reads).toBe(0);
  expect(database.prepare(combinedStatement([RULE, none, RULE])).all()).toHaveLength(6);
  expect(reads).toBe(1);
});

test('an OR beside an AND without parentheses is refused', () => {
  expect(() => statementOf({ ...RULE, condition: 'uid = 0 AND pid = 1 OR pid = 2' })).toThrow('parentheses');
});
