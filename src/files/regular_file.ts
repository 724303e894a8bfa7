/** Reads a file whose path a user gives. A FIFO or a device is an error: it never waits for one. */
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';

const WITHOUT_WAITING = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;

/** @throws {Error} it is no regular file, it has more than `maxBytes`, or a system error */
export function readRegularFile(path: string, maxBytes: number): string {
  const fd = openSync(path, WITHOUT_WAITING);
  try {
    const found = fstatSync(fd);
    if (!found.isFile()) throw new Error(`${path} is not a regular file`);
    if (found.size > maxBytes) throw new Error(`${path} has ${found.size} bytes, more than ${maxBytes}`);
    return readFileSync(fd, 'utf8');
  } finally {
    closeSync(fd);
  }
}
