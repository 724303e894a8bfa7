/** Moves the rows when another directory is configured. */
import { constants, copyFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { DatabaseDirectory } from './database_directory.ts';

/**
 * Moves the closed database of one directory, with its expected rows, to another. A database in the other directory is moved
 * aside: returns its new path.
 *
 * @throws {DirectoryError | Error} another extension uses one of them, or a system error: the rows stay where they were
 */
export function moveDatabase(from: string, to: string, unixMs: number): string | undefined {
  using source = new HeldDirectory(from);
  using target = new HeldDirectory(to);
  const aside = sizeOf(target.directory.database) > 0 ? target.directory.moveAside('earlier', unixMs) : undefined;
  moveFile(source.directory.wal, target.directory.wal);
  moveFile(source.directory.countFile, target.directory.countFile);
  // The database is moved last: until then the rows are still at their old place.
  moveFile(source.directory.database, target.directory.database);
  return aside;
}

class HeldDirectory implements Disposable {
  readonly directory: DatabaseDirectory;

  constructor(path: string) {
    this.directory = new DatabaseDirectory(path);
  }

  [Symbol.dispose](): void {
    this.directory.release();
  }
}

function moveFile(from: string, to: string): void {
  if (sizeOf(from) === 0) return;
  try {
    renameSync(from, to);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EXDEV')) throw error;
    // Another file system: copy to a temporary name, so that a failed copy leaves no partial database.
    const part = `${to}.part`;
    try {
      copyFileSync(from, part, constants.COPYFILE_FICLONE);
      renameSync(part, to);
    } finally {
      rmSync(part, { force: true });
    }
    rmSync(from);
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
