/** The package for a host, by its os-release as osquery reads it. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { hostsQuery, type Kind, kinds, policyQuery } from '../../../packaging/fleet/package_hosts.ts';
import { type QueryableTable, SqlEngine } from '../../../src/commands/shell/sql_engine.ts';
import { VERSION } from '../../../src/program/version.ts';
import { osVersion } from '../../fleet/os_version.ts';

const SYSTEMS = fileURLToPath(new URL('../../fixtures/os-release', import.meta.url));
const GETS: Readonly<Record<string, Kind | 'none'>> = {
  'almalinux-9': 'rpm',
  'amazon-2': 'none',
  'amazon-2023': 'rpm',
  arch: 'none',
  'centos-7': 'none',
  'centos-stream-9': 'rpm',
  'debian-11': 'deb',
  'debian-12': 'deb',
  'debian-13': 'deb',
  'debian-9': 'none',
  'debian-sid': 'deb',
  'fedora-28': 'none',
  'fedora-41': 'rpm',
  'linuxmint-22': 'deb',
  'opensuse-leap-15.5': 'rpm',
  'opensuse-microos': 'none',
  'opensuse-tumbleweed': 'rpm',
  'oracle-9': 'rpm',
  'rhel-10': 'rpm',
  'rhel-7': 'none',
  'rhel-8': 'rpm',
  'rhel-9': 'rpm',
  'rocky-8': 'rpm',
  'sl-micro-6': 'none',
  'sles-12': 'none',
  'sles-15.2': 'none',
  'sles-15.3': 'rpm',
  'sles-15.6': 'rpm',
  'sles-16': 'rpm',
  'ubuntu-18.04': 'none',
  'ubuntu-20.04': 'deb',
  'ubuntu-24.04': 'deb',
};

async function answers(sql: string, ...tables: QueryableTable[]): Promise<boolean> {
  return (await new SqlEngine(() => tables).query(sql)).rows.length > 0;
}

async function row(system: string): Promise<Record<string, string | null>> {
  const { columns, rows } = await new SqlEngine(() => [osVersion(join(SYSTEMS, system), 'x86_64')]).query(
    'SELECT * FROM os_version',
  );
  return Object.fromEntries(columns.map(({ name }, index) => [name, rows[0]?.[index] ?? null]));
}

test('every system of the fixtures is tried', () => {
  expect(readdirSync(SYSTEMS).sort()).toEqual(Object.keys(GETS));
});

describe('osquery reads of', () => {
  test('Debian no platform_like, so it is not asked for there', async () => {
    expect(await row('debian-12')).toMatchObject({
      platform: 'debian',
      platform_like: '',
      major: '12',
      minor: '0',
      codename: 'bookworm',
    });
  });

  test('Ubuntu a minor version that is a number', async () => {
    expect(await row('ubuntu-24.04')).toMatchObject({ platform_like: 'debian', major: '24', minor: '4' });
  });

  test('Oracle Linux what its redhat-release says', async () => {
    expect(await row('oracle-9')).toMatchObject({
      name: 'Red Hat Enterprise Linux',
      platform: 'rhel',
      platform_like: 'rhel',
      major: '9',
      minor: '5',
      version: 'Red Hat Enterprise Linux release 9.5 (Plow)',
    });
  });

  test('CentOS Stream and Fedora the version that os-release has, as redhat-release has none with a dot', async () => {
    expect(await row('centos-stream-9')).toMatchObject({ name: 'CentOS Stream', platform: 'rhel', major: '9' });
    expect(await row('fedora-41')).toMatchObject({ name: 'Fedora Linux', platform: 'rhel', major: '41' });
  });
});

test.each(Object.entries(GETS))('%s gets %s', async (system, expected) => {
  for (const kind of kinds) {
    const root = join(SYSTEMS, system);
    expect(await answers(hostsQuery(kind), osVersion(root, 'x86_64')), kind).toBe(kind === expected);
    expect(await answers(hostsQuery(kind), osVersion(root, 'aarch64')), `${kind} on arm64`).toBe(false);
  }
});

describe('the policy that installs', () => {
  function packages(kind: Kind, version?: string): QueryableTable {
    const columns = ['name', 'version'].map((name) => ({ name, type: 'TEXT', options: 0, hidden: false }));
    const rows = version === undefined ? [] : [{ name: 'osquery-process-ancestry', version }];
    return { definition: { name: `${kind}_packages`, columns }, generate: () => Promise.resolve(rows) };
  }
  const debian = osVersion(join(SYSTEMS, 'debian-12'), 'x86_64');

  test.each([
    ['the package is missing', packages('deb'), false],
    ['another version is there', packages('deb', '0.0.9'), false],
    ['this version is there', packages('deb', VERSION), true],
  ])('where %s: passes is %s', async (_, installed, passes) => {
    expect(await answers(policyQuery('deb'), debian, installed)).toBe(passes);
  });

  test('passes where the package is for other hosts', async () => {
    expect(await answers(policyQuery('rpm'), debian, packages('rpm'))).toBe(true);
    const old = osVersion(join(SYSTEMS, 'amazon-2'), 'x86_64');
    expect(await answers(policyQuery('rpm'), old, packages('rpm'))).toBe(true);
  });
});
