/** What the packages' scripts do to the lists of extensions that osqueryd starts, in folders of the test's own. */
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const SCRIPT = fileURLToPath(new URL('../../../packaging/packages/installation.sh', import.meta.url));
const EXTENSION = '/usr/lib/osquery-process-ancestry/process_ancestry.ext';
// Debian's and RHEL's /bin/sh.
describe.each(['dash', 'bash'])('by %s', (shell) => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'pa-lists-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const at = (...parts: string[]) => join(folder, ...parts);
  const list = () => at('osquery', 'extensions.load');
  const step = (commands: string) => {
    const places = ['osquery', 'orbit', 'state'].map((name) => `${name}='${at(name)}'`).join('; ');
    const script = `set -e; . '${SCRIPT}'; ${places}; made=$state/made; ${commands}`;
    return execFileSync(shell, ['-c', script], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  };
  const enlist = () => step('enlist_everywhere');
  const delist = () => step('delist "$osquery/extensions.load"; delist "$orbit/extensions.load"; remove_made');

  function withList(text: string): void {
    mkdirSync(at('osquery'));
    writeFileSync(list(), text, { mode: 0o640 });
  }

  test.each([
    ['other extensions and comments', '# first\n/opt/other.ext\n\n', `# first\n/opt/other.ext\n\n${EXTENSION}\n`],
    ['a last line without an end', '/opt/other.ext', `/opt/other.ext\n${EXTENSION}\n`],
    ['an empty list', '', `${EXTENSION}\n`],
    ['a longer path', `${EXTENSION}.old\n`, `${EXTENSION}.old\n${EXTENSION}\n`],
    ['bytes that are no text', '/opt/\xff\n', `/opt/\xff\n${EXTENSION}\n`],
  ])('%s stays, and the extension stands in it once', (_, before, after) => {
    withList(before);
    enlist();
    enlist();
    expect(readFileSync(list(), 'utf8')).toBe(after);
    expect(statSync(list()).mode & 0o777).toBe(0o640);
    delist();
    expect(readFileSync(list(), 'utf8')).toBe(before === '/opt/other.ext' ? `${before}\n` : before);
    expect(statSync(list()).mode & 0o777).toBe(0o640);
    expect(readdirSync(folder)).toEqual(['osquery']);
    expect(readdirSync(at('osquery'))).toEqual(['extensions.load']);
  });

  test('an upgrade does not fill the list again that Orbit has emptied', () => {
    mkdirSync(at('orbit'));
    enlist();
    expect(readFileSync(at('orbit', 'extensions.load'), 'utf8')).toBe(`${EXTENSION}\n`);
    writeFileSync(at('orbit', 'extensions.load'), '');
    step('extension_pids() { echo 1; }; end_extensions() { :; }; after_installation');
    expect(readFileSync(at('orbit', 'extensions.load'), 'utf8')).toBe('');
    expect(readFileSync(list(), 'utf8')).toBe(`${EXTENSION}\n`);
  });

  test('a line with blanks or a foreign line end is the extension’s too, at any place', () => {
    withList(`  ${EXTENSION}\r\n/opt/other.ext\n`);
    enlist();
    expect(readFileSync(list(), 'utf8')).toBe(`  ${EXTENSION}\r\n/opt/other.ext\n`);
    delist();
    expect(readFileSync(list(), 'utf8')).toBe('/opt/other.ext\n');
  });

  test.each(['#', '# ', ';'])(
    'who made it a comment (%s) is not overruled, neither by an upgrade nor by removal',
    (mark) => {
      withList(`${mark}${EXTENSION}\n`);
      enlist();
      delist();
      expect(readFileSync(list(), 'utf8')).toBe(`${mark}${EXTENSION}\n`);
    },
  );

  test('a list that is a link stays a link, and its target is changed', () => {
    mkdirSync(at('osquery'));
    writeFileSync(at('real'), '/opt/other.ext\n');
    symlinkSync('../real', list());
    enlist();
    expect(readlinkSync(list())).toBe('../real');
    expect(readFileSync(at('real'), 'utf8')).toBe(`/opt/other.ext\n${EXTENSION}\n`);
    delist();
    expect(readlinkSync(list())).toBe('../real');
    expect(readFileSync(at('real'), 'utf8')).toBe('/opt/other.ext\n');
  });

  test('a list and a folder that were made are removed again; Orbit’s are made only where Orbit is', () => {
    enlist();
    expect(statSync(list()).mode & 0o777).toBe(0o644);
    expect(existsSync(at('orbit'))).toBe(false);
    delist();
    expect(readdirSync(folder)).toEqual([]);
    mkdirSync(at('orbit'));
    enlist();
    expect(readFileSync(at('orbit', 'extensions.load'), 'utf8')).toBe(`${EXTENSION}\n`);
    delist();
    expect(readdirSync(folder)).toEqual(['orbit']);
    expect(readdirSync(at('orbit'))).toEqual([]);
  });

  test('a list that the package made and others use now stays, with their line only', () => {
    enlist();
    writeFileSync(list(), `${EXTENSION}\n/opt/other.ext\n`);
    delist();
    expect(readFileSync(list(), 'utf8')).toBe('/opt/other.ext\n');
  });

  test('where osquery does not run the extension, the message says to restart it', () => {
    const running = 'extension_pids() { echo 1; }; end_extensions() { echo "ended$1"; }';
    const none = 'extension_pids() { :; }';
    expect(step(`${none}; after_installation 2>&1`)).toContain('started next: systemctl restart osqueryd');
    expect(step(`${none}; after_installation 2>&1`)).toContain('systemctl restart');
    expect(step(`${running}; after_installation 2>&1`)).toBe('ended (deleted)\n');
    writeFileSync(list(), `#${EXTENSION}\n`);
    expect(step(`${none}; after_installation 2>&1`)).toBe('');
  });

  test('the next installation corrects a list that Orbit has emptied', () => {
    mkdirSync(at('orbit'));
    enlist();
    writeFileSync(at('orbit', 'extensions.load'), '');
    enlist();
    expect(readFileSync(at('orbit', 'extensions.load'), 'utf8')).toBe(`${EXTENSION}\n`);
  });
});
