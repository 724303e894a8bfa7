/** What is installed where, by both packages, and what only the .deb has. Everything belongs to root. */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { SBOM_FILE } from '../executable/sbom.ts';

export const NAME = 'osquery-process-ancestry';
const DOCUMENTS = `usr/share/doc/${NAME}`;
/** README.md leads to it. */
const REFERENCE = 'docs/reference';
/** Folders below packaging/ that an administrator takes files from. */
const EXAMPLES = ['ansible', 'osquery', 'fleet', 'grafana', 'prometheus', 'systemd', 'operations'] as const;
/** What makes those files, and tries them. */
const SOURCES = /^\.|\.ts$|\.test\.yml$|^detections\/|^false_positives\.json$/;

export interface Sources {
  /** The repository's own root. */
  readonly root: string;
  /** dist/package */
  readonly built: string;
  readonly manPage: string;
  readonly bashCompletion: string;
  /** debian/copyright and debian/changelog, for the .deb alone. */
  readonly copyright: string;
  readonly debianChangelog: string;
}

/** Lays out what both packages have below `stage`, which must not exist. */
export function layOut(stage: string, { root, built, manPage, bashCompletion }: Sources): void {
  const into = folders(stage);
  // A second name of one file: it is 118 MB, and is only read.
  linkSync(join(built, 'process_ancestry.ext'), into(`usr/lib/${NAME}/process_ancestry.ext`));
  symlinkSync(`../lib/${NAME}/process_ancestry.ext`, into('usr/bin/process_ancestry'));
  write(into('usr/share/man/man8/process_ancestry.8.gz'), gzipped(manPage));
  write(into('usr/share/bash-completion/completions/process_ancestry'), bashCompletion);
  copy(join(built, SBOM_FILE), into(`${DOCUMENTS}/${SBOM_FILE}`));
  write(into(`${DOCUMENTS}/LICENSES.txt.gz`), gzipped(readFileSync(join(built, 'LICENSES.txt'), 'utf8')));
  copy(join(root, 'README.md'), into(`${DOCUMENTS}/README.md`));
  for (const file of filesOf(join(root, REFERENCE), root)) {
    copy(join(root, REFERENCE, file), into(`${DOCUMENTS}/${REFERENCE}/${file}`));
  }
  copy(join(root, 'packaging', 'packages', 'README.md'), into(`${DOCUMENTS}/installation.md`));
  copy(join(root, 'packaging', 'README.md'), into(`usr/share/${NAME}/README.md`));
  for (const folder of EXAMPLES) {
    for (const file of filesOf(join(root, 'packaging', folder), root).filter((path) => !SOURCES.test(path)))
      copy(join(root, 'packaging', folder, file), into(`usr/share/${NAME}/${folder}/${file}`));
  }
}

/** Adds what a .deb has to have besides. */
export function addDebian(stage: string, { root, copyright, debianChangelog }: Sources): void {
  const into = folders(stage);
  write(into(`${DOCUMENTS}/copyright`), copyright);
  write(into(`${DOCUMENTS}/changelog.gz`), gzipped(debianChangelog));
  copy(join(root, 'packaging', 'packages', 'deb', 'lintian-overrides'), into(`usr/share/lintian/overrides/${NAME}`));
}

/** Everything below a folder, by its path from there, folders too, in order. Links are not followed. */
export function everythingBelow(folder: string, inside = ''): string[] {
  return readdirSync(join(folder, inside), { withFileTypes: true })
    .flatMap((entry) => {
      const path = join(inside, entry.name);
      return entry.isDirectory() ? [path, ...everythingBelow(folder, path)] : [path];
    })
    .toSorted();
}

/** What git knows of it: not what a build or a run has left there. */
function filesOf(folder: string, root: string): string[] {
  if (!existsSync(folder)) return [];
  const listed = spawnSync('git', ['-C', folder, 'ls-files'], { encoding: 'utf8' });
  if (existsSync(join(root, '.git')) && listed.status === 0) return listed.stdout.split('\n').filter(Boolean);
  return everythingBelow(folder).filter((path) => statSync(join(folder, path)).isFile());
}

/** Makes the folders on the way to a file, readable for all whatever the umask. */
function folders(stage: string): (path: string) => string {
  return (path) => {
    const parents = dirname(path).split('/');
    for (const depth of ['', ...parents].keys()) {
      const folder = join(stage, ...parents.slice(0, depth));
      if (existsSync(folder)) continue;
      mkdirSync(folder);
      chmodSync(folder, 0o755);
    }
    return join(stage, path);
  };
}

function copy(from: string, to: string): void {
  copyFileSync(from, to);
  chmodSync(to, statSync(from).mode & 0o100 ? 0o755 : 0o644);
}

function write(path: string, content: Uint8Array | string): void {
  writeFileSync(path, content);
  chmodSync(path, 0o644);
}

/** As gzip -9n: with neither name nor time in it. */
function gzipped(text: string): Buffer {
  return gzipSync(text, { level: 9 });
}
