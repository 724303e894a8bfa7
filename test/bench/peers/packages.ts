/** Installs Debian packages for the time of a benchmark: their services are not started, and they are removed at the end. */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';

const POLICY = '/usr/sbin/policy-rc.d';
// biome-ignore-start lint/suspicious/noTemplateCurlyInString: dpkg-query's own placeholders
const FIELDS = '${Package} ${db:Status-Abbrev}\n';
const VERSION = '${Version}';
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: see above
const NEVER = '#!/bin/sh\nexit 101\n';

function installed(): Set<string> {
  const list = execFileSync('dpkg-query', ['-W', '-f', FIELDS], { encoding: 'utf8' });
  const lines = list.split('\n').map((line) => line.split(' '));
  return new Set(lines.flatMap(([name = '', status = '']) => (status.startsWith('ii') ? [name] : [])));
}

/** '' if it is not installed. */
export function versionOf(name: string): string {
  const { status, stdout } = spawnSync('dpkg-query', ['-W', '-f', VERSION, name], { encoding: 'utf8' });
  return status === 0 ? stdout : '';
}

function apt(...args: string[]): void {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  execFileSync('apt-get', ['-q', '-y', ...args], { env, stdio: ['ignore', 'ignore', 'inherit'] });
}

/** invoke-rc.d and deb-systemd-invoke ask this file whether a service may be started (/usr/share/doc/init-system-helpers). */
function withoutServices(action: () => void): void {
  const before = existsSync(POLICY) ? readFileSync(POLICY) : undefined;
  writeFileSync(POLICY, NEVER);
  chmodSync(POLICY, 0o755);
  try {
    action();
  } finally {
    if (before) writeFileSync(POLICY, before);
    else rmSync(POLICY);
  }
}

/** Files that packages create at installation and leave at purge. */
export interface Leftovers {
  readonly users: readonly string[];
  readonly directories: readonly string[];
}

function hasUser(name: string): boolean {
  return spawnSync('getent', ['passwd', name]).status === 0;
}

/** Returns a function that removes the installed packages. */
export function installPackages(names: readonly string[], leftovers: Leftovers): () => void {
  const before = installed();
  const missing = names.filter((name) => !before.has(name));
  if (missing.length === 0) return () => undefined;
  const users = leftovers.users.filter((name) => !hasUser(name));
  const directories = leftovers.directories.filter((path) => !existsSync(path));
  withoutServices(() => {
    try {
      apt('install', '--no-install-recommends', ...missing);
    } catch {
      // The package lists of a new machine are empty or old.
      apt('update');
      apt('install', '--no-install-recommends', ...missing);
    }
  });
  const added = [...installed()].filter((name) => !before.has(name));
  return () => {
    withoutServices(() => apt('purge', ...added));
    for (const name of users.filter(hasUser)) execFileSync('userdel', [name]);
    for (const path of directories) rmSync(path, { recursive: true, force: true });
  };
}
