/** The scripts that Fleet runs on hosts, in a test root. */
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { resolveFlags } from '../../../src/config/settings.ts';
import { FOLDER } from '../../fleet/fleet_files.ts';

const EXTENSION = '/usr/lib/osquery-process-ancestry/process_ancestry.ext';
const ETC = 'etc/osquery/extensions.load';
const ORBIT = 'opt/orbit/extensions.load';
const FLAGS = 'etc/osquery/process_ancestry.json';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'pa-root-'));
  write(EXTENSION, '#!/bin/sh\n', 0o755);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function write(path: string, text: string, mode = 0o644): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text, { mode });
}
const text = (path: string) => readFileSync(join(root, path), 'utf8');

function run(script: string): { status: number | null; said: string } {
  const env = { ...process.env, PROCESS_ANCESTRY_ROOT: root };
  const done = spawnSync('/bin/sh', [join(FOLDER, 'scripts', script)], { env, encoding: 'utf8' });
  return { status: done.status, said: done.stdout + done.stderr };
}

/** Every file below the root with its text. */
function everything(): Record<string, string> {
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((path) =>
    statSync(join(root, path)).isFile(),
  );
  return Object.fromEntries(files.map((path) => [path, text(path)]));
}

describe('post-install.sh', () => {
  test('adds the extension to what osqueryd loads, where the package did not', () => {
    expect(run('post-install.sh')).toMatchObject({ status: 0 });
    expect(text(ETC)).toBe(`${EXTENSION}\n`);
    expect(statSync(join(root, ETC)).mode & 0o777).toBe(0o644);
    expect(existsSync(join(root, ORBIT))).toBe(false);
  });

  test('keeps others, corrects a line with the wrong path, and run again changes nothing', () => {
    write(ETC, '/opt/other.ext\n\n/old/place/process_ancestry.ext\n');
    expect(run('post-install.sh').status).toBe(0);
    expect(text(ETC)).toBe(`/opt/other.ext\n\n${EXTENSION}\n`);
    const before = everything();
    expect(run('post-install.sh').status).toBe(0);
    expect(everything()).toEqual(before);
  });

  test('keeps lines that an administrator commented out', () => {
    const list = `# /opt/other.ext\n;${EXTENSION}\n`;
    write(ETC, list);
    write(ORBIT, '# /opt/other.ext\n');
    expect(run('post-install.sh').status).toBe(0);
    expect(text(ETC)).toBe(list);
  });

  test('empties Orbit’s list of the package’s line, before Orbit does so itself and restarts for it', () => {
    write(ETC, `${EXTENSION}\n`);
    write(ORBIT, `${EXTENSION}\n`);
    expect(run('post-install.sh').status).toBe(0);
    expect(text(ORBIT)).toBe('');
    expect(text(ETC)).toBe(`${EXTENSION}\n`);
  });

  test('fails if Fleet distributes extensions, because osqueryd then reads only Orbit’s list', () => {
    write(ORBIT, '/opt/orbit/bin/extensions/other/linux/stable/other.ext\n');
    const { status, said } = run('post-install.sh');
    expect(status).toBe(1);
    expect(said).toContain('agent option extensions');
    expect(text(ORBIT)).toContain('other.ext');
  });

  test('fails if the package is not installed', () => {
    rmSync(join(root, EXTENSION));
    expect(run('post-install.sh')).toMatchObject({ status: 1, said: expect.stringContaining('is not installed') });
  });
});

describe('uninstall.sh', () => {
  test('leaves nothing of the extension, and all of others; run again it changes nothing', () => {
    write(ETC, `/opt/other.ext\n${EXTENSION}\n`);
    write(ORBIT, `${EXTENSION}\n`);
    write('var/osquery/process_ancestry/rows.db', 'rows');
    write('opt/orbit/process_ancestry/rows.db', 'rows');
    write('var/osquery/osquery.db/CURRENT', 'osquery');
    run('set-flags.sh');
    for (let n = 0; n < 2; n++) {
      expect(run('uninstall.sh')).toMatchObject({ status: 0 });
      // The package removes the program itself.
      const { [EXTENSION.slice(1)]: _, ...others } = everything();
      expect(others).toEqual({ [ETC]: '/opt/other.ext\n', [ORBIT]: '', 'var/osquery/osquery.db/CURRENT': 'osquery' });
    }
  });
});

describe('set-flags.sh', () => {
  test('writes flags that the extension takes, for root only', () => {
    write(FLAGS, '{"process_ancestry_cache_size": 16}');
    expect(run('set-flags.sh').status).toBe(0);
    expect(statSync(join(root, FLAGS)).mode & 0o777).toBe(0o600);
    const sources = { commandLine: new Map(), environment: {}, osqueryOptions: new Map() };
    const { values, errors } = resolveFlags({ ...sources, file: JSON.parse(text(FLAGS)) });
    expect(errors).toEqual([]);
    expect(values.process_ancestry_cache_size).toBe(4000);
    expect(readdirSync(join(root, 'etc/osquery'))).toEqual(['process_ancestry.json']);
  });
});
