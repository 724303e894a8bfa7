import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { everythingBelow, layOut } from '../../../packaging/packages/installed_files.ts';

let folder: string;
const at = (path: string) => join(folder, path);
const make = (path: string, text: string, mode = 0o600) => {
  mkdirSync(dirname(at(path)), { recursive: true, mode: 0o700 });
  writeFileSync(at(path), text);
  chmodSync(at(path), mode);
};
const laidOut = () => {
  const generated = { manPage: 'manual', bashCompletion: 'complete', copyright: '', debianChangelog: '' };
  layOut(at('stage'), { root: at('root'), built: at('built'), ...generated });
  return everythingBelow(at('stage')).filter((path) => !lstatSync(at(`stage/${path}`)).isDirectory());
};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pa-files-'));
  make('root/README.md', 'read me');
  make('root/packaging/packages/README.md', 'install me');
  make('root/packaging/README.md', 'what is here');
  make('built/process_ancestry.ext', '', 0o755);
  make('built/LICENSES.txt', 'terms');
  make('built/process_ancestry.cdx.json', '{}');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('folders for administrators are installed if they have files', () => {
  const without = laidOut();
  expect(without).toHaveLength(9);
  rmSync(at('stage'), { recursive: true });
  make('root/packaging/osquery/packs/detections.conf', '{}');
  for (const source of ['osquery/detections.ts', 'osquery/detections/miner.sql', 'prometheus/rules.test.yml'])
    make(`root/packaging/${source}`, '');
  make('root/packaging/fleet/uninstall.sh', '#!/bin/sh', 0o700);
  const added = laidOut().filter((path) => !without.includes(path));
  expect(added).toEqual([
    'usr/share/osquery-process-ancestry/fleet/uninstall.sh',
    'usr/share/osquery-process-ancestry/osquery/packs/detections.conf',
  ]);
});

test('all files can be read by all and written by their owner, with any mode at their source', () => {
  make('root/packaging/fleet/uninstall.sh', '#!/bin/sh', 0o700);
  const umask = process.umask(0o077);
  try {
    laidOut();
  } finally {
    process.umask(umask);
  }
  for (const path of ['.', ...everythingBelow(at('stage'))]) {
    const found = lstatSync(at(`stage/${path}`));
    if (found.isSymbolicLink()) continue;
    const isProgram = found.isDirectory() || /\.(ext|sh)$/.test(path);
    expect([path, (found.mode & 0o7777).toString(8)]).toEqual([path, isProgram ? '755' : '644']);
  }
  expect(gunzipSync(readFileSync(at('stage/usr/share/man/man8/process_ancestry.8.gz'))).toString()).toBe('manual');
});

test('a link is listed, and not what it leads to', () => {
  make('tree/folder/file', '');
  symlinkSync('folder', at('tree/link'));
  expect(everythingBelow(at('tree'))).toEqual(['folder', 'folder/file', 'link']);
});
