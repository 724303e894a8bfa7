/** The files of packaging/fleet, read as by Fleet. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { RegisteredTable } from '../../../src/commands/shell/registered_table.ts';
import { type QueryableTable, SqlEngine } from '../../../src/commands/shell/sql_engine.ts';
import { VERSION } from '../../../src/program/version.ts';
import { readFleet } from '../../fleet/fleet_config.ts';
import { FOLDER, hasYaml } from '../../fleet/fleet_files.ts';

const SECRET = { LINUX_SERVERS_ENROLL_SECRET: 'secret' };

function table(name: string, columns: readonly string[], rows: readonly Record<string, string>[]): QueryableTable {
  const definition: RegisteredTable = {
    name,
    columns: columns.map((column) => ({ name: column, type: 'TEXT', options: 0, hidden: false })),
  };
  return { definition, generate: () => Promise.resolve(rows) };
}

describe.skipIf(!hasYaml())('the fleet of the example', () => {
  test('has only keys and options that Fleet accepts, and only labels and files that exist', () => {
    const { name, reports, policies, dynamicLabels, manualLabels, packages } = readFleet(
      'fleets/linux-servers.yml',
      SECRET,
    );
    expect(name).toBe('Linux servers');
    expect(reports.map((report) => report.name)).toEqual(
      expect.arrayContaining(['process_ancestry_execs', 'process_ancestry_health', 'process_ancestry_flags']),
    );
    expect(new Set(reports.map((report) => report.name)).size).toBe(reports.length);
    expect(reports.every(({ platform }) => platform === 'linux')).toBe(true);
    expect(policies.map((policy) => policy.name)).toEqual([
      'Process ancestry is recorded',
      'Process ancestry loses nothing',
      'Process ancestry is installed (deb)',
      'Process ancestry is installed (rpm)',
    ]);
    expect(dynamicLabels.map((label) => label.name)).toEqual(['Process ancestry']);
    expect(manualLabels).toEqual(['Process ancestry canary']);
    expect(packages.map(({ url }) => String(url).replace(/.*\./, ''))).toEqual(['deb', 'rpm']);
    expect(packages.every(({ url }) => String(url).includes(VERSION))).toBe(true);
  });

  test('needs its enroll secret from the environment, and says so', () => {
    expect(() => readFleet('fleets/linux-servers.yml', {})).toThrow('LINUX_SERVERS_ENROLL_SECRET is not set');
  });

  test.each([
    ['nothing is wrong', {}, [], true],
    ['events are lost', { events_lost: '1' }, [], false],
    ['rows are lost', { store_lost: '2' }, [], false],
    ['nothing is recorded', { problems: '[{"code":"disabled","message":"…"}]' }, [], false],
    ['auditd has the first place', { problems: '[{"code":"audit_unicast_taken","message":"…"}]' }, [], true],
    [
      'auditd has it, and a rule keeps processes out',
      { problems: '[{"code":"audit_unicast_taken"},{"code":"audit_never_task"}]' },
      [],
      false,
    ],
    ['a reader is up to date', {}, [{ lost_rows: '0' }], true],
    ['a reader has lost rows', {}, [{ lost_rows: '0' }, { lost_rows: '7' }], false],
  ])('where %s the policy of losses says so', async (_, differs, readers, passes) => {
    const stats = { events_lost: '0', store_lost: '0', problems: '[]', ...differs };
    const engine = new SqlEngine(() => [
      table('process_ancestry_cache_stats', Object.keys(stats), [stats]),
      table('process_ancestry_subscribers', ['lost_rows'], readers),
    ]);
    const { policies } = readFleet('fleets/linux-servers.yml', SECRET);
    const query = policies.find(({ name }) => name === 'Process ancestry loses nothing')?.query ?? '';
    expect((await engine.query(query)).rows.length > 0).toBe(passes);
  });
});

test('the files that the guide tells Fleet Free to use are there, and need nothing of Premium', () => {
  const guide = readFileSync(join(FOLDER, 'README.md'), 'utf8');
  const paths = [...guide.matchAll(/^ +(?:- )?path: (\.\/\S+)$/gm)].map(([, path = '']) => join(FOLDER, path));
  expect(paths.length).toBeGreaterThan(3);
  for (const path of paths) expect(readFileSync(path, 'utf8')).not.toMatch(/labels_include_any|install_software/);
});

test('a label that policies use to find hosts asks what the policy asks', () => {
  const sql = "SELECT 1 FROM osquery_extensions WHERE name = 'process_ancestry'";
  for (const file of ['policies/process-ancestry.yml', 'labels/process-ancestry.yml'])
    expect(readFileSync(join(FOLDER, file), 'utf8')).toContain(`query: ${sql}\n`);
});
