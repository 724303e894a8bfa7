/** The installed files and their paths, for both packages and for the .deb only. The owner of all files is root. */
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
/** README.md has a link to it. */
const REFERENCE = 'docs/reference';
/** Folders below packaging/ with files for administrators. */
const EXAMPLES = ['ansible', 'osquery', 'fleet', 'grafana', 'prometheus', 'systemd', 'operations'] as const;
/** Sources that make or test those files. */
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

/** Creates the files of both packages below `stage`, which must not exist. */
export function layOut(stage: string, { root, built, manPage, bashCompletion }: Sources): void {
  const into = folders(stage);
  // A hard link: the file has 118 MB, and is only read.
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

/** Adds the files that only a .deb has. */
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

/** Its files in git: without leftovers of a build or a run. */
function filesOf(folder: string, root: string): string[] {
  if (!existsSync(folder)) return [];
  const listed = spawnSync('git', ['-C', folder, 'ls-files'], { encoding: 'utf8' });
  if (existsSync(join(root, '.git')) && listed.status === 0) return listed.stdout.split('\n').filter(Boolean);
  return everythingBelow(folder).filter((path) => statSync(join(folder, path)).isFile());
}

/** Makes the parent folders of a file, readable by all with any umask. */
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

/** As gzip -9n: without name and time. */
function gzipped(text: string): Buffer {
  return gzipSync(text, { level: 9 });
}
