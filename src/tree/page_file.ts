/** The page as a file: only its owner may read it, because arguments may hold secrets. */
import { randomBytes } from 'node:crypto';
import { open, rename, unlink } from 'node:fs/promises';
import { readOwnFile } from '../own_files.ts';
import type { TreeDocument } from './document.ts';
import { pageText } from './page_text.ts';

/**
 * Writes it beside where it is to be and puts it there as a whole, so that a link that somebody else left in its place is
 * replaced and not followed. Gives its size in bytes.
 */
export async function writePage(path: string, document: TreeDocument, selected: string): Promise<number> {
  const page = Buffer.from(pageText(Buffer.from(readOwnFile('tree.html')).toString(), document, selected));
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
