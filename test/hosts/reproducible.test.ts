/** A build of the same commit in another directory has the same bytes. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const BUILT = ['process_ancestry.ext', 'process_ancestry.cdx.json', 'LICENSES.txt'];
/** Everything but builds and caches. */
const COPY = `set -e
cd "$1"
git ls-files -z --cached --others --exclude-standard | tar --null -T - -cf - | tar -C "$2" -xf -
tar --exclude ./.cache -C node_modules -cf - . | tar -C "$2/node_modules" -xf -`;

describe.skipIf(!existsSync(join(root, 'dist/package/process_ancestry.ext')))('the single executable', () => {
  /** Also of another length: the build must not contain a path. */
  let another: string;

  beforeAll(() => {
    another = mkdtempSync(join(tmpdir(), 'pa-another-directory-'));
    mkdirSync(join(another, 'node_modules'));
    execFileSync('sh', ['-c', COPY, 'sh', root, another]);
  });
  afterAll(() => rmSync(another, { recursive: true, force: true }));

  test('has the same bytes, with its bill of materials and its licences', () => {
    for (const program of ['packaging/build.mjs', 'packaging/executable/make.ts'])
      execFileSync(process.execPath, [program], { cwd: another, stdio: ['ignore', 'ignore', 'inherit'] });
    const sums = (folder: string) =>
      BUILT.map((name) => [
        name,
        createHash('sha256')
          .update(readFileSync(join(folder, 'dist/package', name)))
          .digest('hex'),
      ]);
    expect(sums(another)).toEqual(sums(root));
  });
});
