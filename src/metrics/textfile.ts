/**
 * A file for node_exporter's textfile collector. It often lies in a folder of another user, so nothing in there is believed:
 * each text is a new file that takes the old one's place, and whatever was planted under a name is replaced, not followed.
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

  /** Puts the text in the file's place, readable by all. Throws when that cannot be done; nothing is left then. */
  write(text: string): void {
    this.#inFolder((folder) => {
      // Not ending in .prom: node_exporter does not read it.
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

  /** What is stale looks like a host on which nothing happens. Only what was written is removed. Throws. */
  remove(): void {
    if (!this.#isWritten) return;
    this.#isWritten = false;
    this.#inFolder((folder) => rmSync(`${folder}/${basename(this.path)}`, { force: true }));
  }

  /** The folder as it was opened, by a path that nobody can lead elsewhere meanwhile. */
  #inFolder(work: (folder: string) => void): void {
    const folder = dirname(this.path);
    if (lstatSync(folder).isSymbolicLink()) {
      throw new Error(`${folder} is a symbolic link: name the folder that it leads to`);
    }
    const fd = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
    try {
      if ((fstatSync(fd).mode & 0o002) !== 0) throw new Error(`everybody can write ${folder}: chmod o-w ${folder}`);
      work(`/proc/self/fd/${fd}`);
    } finally {
      closeSync(fd);
    }
  }
}

function writeWhole(fd: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
}
