/**
 * Writes the file for node_exporter's textfile collector. Another user may own its folder, so the content of the folder
 * is not trusted: each text is written to a new file, which replaces the old one by rename. Links are not followed.
 */
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  lstatSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { basename, dirname } from 'node:path';

export class Textfile {
  readonly path: string;
  #isWritten = false;

  constructor(path: string) {
    this.path = path;
  }

  /** Replaces the file, readable by all. On failure it throws and leaves no temporary file. */
  write(text: string): void {
    this.#inFolder((folder) => {
      // node_exporter does not read files without the suffix .prom.
      const temporary = `${folder}/.${basename(this.path)}.new`;
      rmSync(temporary, { force: true });
      const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
      const fd = openSync(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
      try {
        try {
          writeWhole(fd, Buffer.from(text));
          fchmodSync(fd, 0o644);
        } finally {
          closeSync(fd);
        }
        renameSync(temporary, `${folder}/${basename(this.path)}`);
      } catch (error) {
        rmSync(temporary, { force: true });
        throw error;
      }
    });
    this.#isWritten = true;
  }

  /** Removes the file, if this process wrote it: stale metrics would look like an idle host. Throws. */
  remove(): void {
    if (!this.#isWritten) return;
    this.#isWritten = false;
    this.#inFolder((folder) => rmSync(`${folder}/${basename(this.path)}`, { force: true }));
  }

  /** Calls `work` with a path of the opened folder that other users cannot redirect. */
  #inFolder(work: (folder: string) => void): void {
    const folder = dirname(this.path);
    if (lstatSync(folder).isSymbolicLink()) {
      throw new Error(`${folder} is a symbolic link: use the folder that it points to`);
    }
    const fd = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
    try {
      if ((fstatSync(fd).mode & 0o002) !== 0) throw new Error(`all users can write ${folder}: chmod o-w ${folder}`);
      work(`/proc/self/fd/${fd}`);
    } finally {
      closeSync(fd);
    }
  }
}

function writeWhole(fd: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
}
