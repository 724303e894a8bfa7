/** Writes the page to a file that only its owner can read, because arguments may contain secrets. */
import { randomBytes } from 'node:crypto';
import { lstat, open, realpath, rename, stat, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { readBundledFile } from '../../program/bundled_files.ts';
import type { TreeDocument } from './document.ts';
import { pageText } from './page_text.ts';

export function pageOf(document: TreeDocument, selected: string): string {
  return pageText(Buffer.from(readBundledFile('tree.html')).toString(), document, selected);
}

/**
 * Writes a temporary file and renames it, so that a link at the path is replaced, not followed. Returns the size in
 * bytes. Throws if the path exists and is not a file.
 */
export async function writePage(path: string, document: TreeDocument, selected: string): Promise<number> {
  const page = Buffer.from(pageOf(document, selected));
  await refuseToReplace(path);
  const beside = `${path}.${randomBytes(6).toString('hex')}`;
  const file = await open(beside, 'wx', 0o600);
  try {
    await file.writeFile(page);
    await file.close();
    await rename(beside, path);
  } catch (error) {
    await file.close().catch(() => undefined);
    await unlink(beside).catch(() => undefined);
    throw error;
  }
  return page.length;
}

/** Prevents root from replacing /dev/null or the link /dev/stdout, which other programs need. */
async function refuseToReplace(path: string): Promise<void> {
  const there = await lstat(path).catch(() => undefined);
  if (!there) return;
  const target = there.isSymbolicLink() ? await stat(path).catch(() => undefined) : there;
  const isOfTheSystem = (await realpath(dirname(path))) === '/dev';
  if (isOfTheSystem || (target && !target.isFile()))
    throw new Error(`${path} is not a file and is not replaced; --html - prints the page`);
}
