/** The single executable for arm64, made once for all tests that need it. */
import { execFile } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { outputFor } from '../../packaging/executable/target.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const MAKE = join(ROOT, 'packaging', 'executable', 'make.ts');

/** Makes it, unless it is newer than this machine's own, which `npm run test:hosts` makes before its tests. */
export async function makeArm64Executable(): Promise<void> {
  const madeMs = (folder: string) =>
    statSync(join(folder, 'process_ancestry.ext'), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (madeMs(outputFor('arm64')) > madeMs(outputFor('x64'))) return;
  await promisify(execFile)(process.execPath, [MAKE, '--arch', 'arm64'], { cwd: ROOT });
}
