/** osquery's table os_version on Linux, from a system's files (osquery 5.23, tables/system/linux/os_version.cpp). */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RegisteredTable } from '../../src/commands/shell/registered_table.ts';
import type { QueryableTable } from '../../src/commands/shell/sql_engine.ts';

const NUMBERS = ['major', 'minor', 'patch'];
const TEXTS = ['name', 'version', 'build', 'platform', 'platform_like', 'codename', 'arch'];
const definition: RegisteredTable = {
  name: 'os_version',
  columns: [...NUMBERS, ...TEXTS].map((name) => ({
    name,
    type: NUMBERS.includes(name) ? 'INTEGER' : 'TEXT',
    options: 0,
    hidden: false,
  })),
};

/** The key of os-release for each column. */
const COLUMNS: Readonly<Record<string, string>> = {
  NAME: 'name',
  VERSION: 'version',
  BUILD_ID: 'build',
  ID: 'platform',
  ID_LIKE: 'platform_like',
};

/** @param root a folder with the system's etc */
export function osVersion(root: string, arch: string): QueryableTable {
  const row = { ...ofOsRelease(read(root, 'os-release') ?? ''), arch };
  const redhat = read(root, 'redhat-release');
  const rows = [redhat === undefined ? row : { ...row, ...ofRedhatRelease(redhat) }];
  return { definition, generate: () => Promise.resolve(rows) };
}

function ofOsRelease(text: string): Record<string, string> {
  const row: Record<string, string> = { name: 'Unknown', major: '0', minor: '0', patch: '0', platform: 'posix' };
  for (const line of text.split('\n')) {
    const [, key = '', raw = ''] = /^\s*([^=]+?)\s*=+(.+)$/.exec(line) ?? [];
    const value = raw.trim();
    const unquoted = value.startsWith('"') ? value.slice(1, -1) : value;
    if (key === 'VERSION_ID') {
      for (const [index, part] of unquoted.split('.').slice(0, 3).entries()) row[NUMBERS[index] ?? ''] = part;
    } else {
      const column = COLUMNS[key] ?? (key.includes('CODENAME') ? 'codename' : undefined);
      if (column !== undefined) row[column] = unquoted;
    }
  }
  return row;
}

/** If the file exists, it decides the kind of system. */
function ofRedhatRelease(text: string): Record<string, string> {
  const line = text.trim().replaceAll(/\s+/g, ' ');
  const kind = { platform: 'rhel', platform_like: 'rhel', version: line, build: '' };
  const [, name, major, minor, patch] = /([\w+\s]+) .* ([0-9]+)\.([0-9]+)\.?(\w+)?/.exec(line) ?? [];
  return name && major && minor ? { ...kind, name, major, minor, patch: patch ?? '0' } : kind;
}

function read(root: string, file: string): string | undefined {
  const path = join(root, 'etc', file);
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}
