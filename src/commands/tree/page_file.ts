/** The page as a file: only its owner may read it, because arguments may hold secrets. */
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
 * Writes it beside where it is to be and puts it there as a whole, so that a link that somebody else left in its place is
 * replaced and not followed. Gives its size in bytes. Throws where something else than a file is in its place.
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

/** Root could put a file in the place of /dev/null or of the link /dev/stdout, and every other program would miss it. */
async function refuseToReplace(path: string): Promise<void> {
  const there = await lstat(path).catch(() => undefined);
  if (!there) return;
  const target = there.isSymbolicLink() ? await stat(path).catch(() => undefined) : there;
  const isOfTheSystem = (await realpath(dirname(path))) === '/dev';
  if (isOfTheSystem || (target && !target.isFile()))
    throw new Error(`${path} is neither a file nor a link to one, and is not replaced; --html - prints the page`);
}
