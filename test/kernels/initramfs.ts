/** Writes an initramfs in the format that Linux unpacks (early-userspace/buffer-format.rst). */
import { writeFile } from 'node:fs/promises';
import { posix } from 'node:path';

const DIRECTORY = 0o040755;
const PROGRAM = 0o100755;

/** Writes an archive of programs and libraries: paths without the leading slash, and their content. */
export async function writeInitramfs(file: string, contents: ReadonlyMap<string, Buffer>): Promise<void> {
  await writeFile(file, records(contents));
}

function* records(contents: ReadonlyMap<string, Buffer>): Generator<Buffer> {
  // A directory comes before its content.
  for (const path of new Set([...contents.keys()].flatMap(parents))) yield* record(path, DIRECTORY);
  for (const [path, content] of contents) yield* record(path, PROGRAM, content);
  yield* record('TRAILER!!!', 0);
}

function parents(path: string): string[] {
  const parent = posix.dirname(path);
  return parent === '.' ? [] : [...parents(parent), parent];
}

let inodes = 0;

function* record(path: string, mode: number, content: Buffer = Buffer.alloc(0)): Generator<Buffer> {
  const name = Buffer.from(`${path}\0`);
  const [uid, gid, links, mtime, device, deviceOfNode, checksum] = [0, 0, 1, 0, [0, 0], [0, 0], 0];
  const fields = [
    inodes++,
    mode,
    uid,
    gid,
    links,
    mtime,
    content.length,
    ...device,
    ...deviceOfNode,
    name.length,
    checksum,
  ];
  const header = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`;
  yield padded(Buffer.concat([Buffer.from(header), name]));
  yield padded(content);
}

function padded(content: Buffer): Buffer {
  const missing = -content.length & 3;
  return missing === 0 ? content : Buffer.concat([content, Buffer.alloc(missing)]);
}
