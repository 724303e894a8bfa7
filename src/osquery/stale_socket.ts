/** Removal of socket files: of a server that was killed, and of a server that ends. */
import { lstatSync, renameSync, unlinkSync } from 'node:fs';
import { ExtensionError, messageOf } from './extension_error.ts';
import { connectSocket } from './message_socket.ts';

/**
 * Removes the socket at a path where no process listens on it.
 *
 * @throws {ExtensionError} `socket-path`: the file is not a socket, or a process listens on it
 */
export async function removeStaleSocket(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) {
    throw new ExtensionError('socket-path', `${path} is not a socket: move the file to another place.`);
  }
  if (await isAnswering(path)) {
    throw new ExtensionError('socket-path', `${path} is in use: another process listens on it.`);
  }
  try {
    unlinkSync(path);
  } catch (error) {
    // Another process may have removed it.
    if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) throw cannotListen(path, error);
  }
}

/** Removes the socket file of a server. */
export type RemoveSocket = () => void;

/**
 * The name on which a server listens at first, for `settleSocket`. It is as long as the path, which may have the maximum
 * length, and has the same prefix, so that osquery removes it with the other sockets after a crash.
 */
export function temporaryName(path: string): string {
  return `${path.slice(0, -1)}~`;
}

/**
 * Gives a listening socket its final name. When a server closes, libuv removes the name that it listened on
 * (uv__pipe_close), even where the file is another extension's socket, which a new worker gave the same uuid.
 *
 * @returns a function that removes the file if it is still the same socket. Call it while the socket is open, because its
 * inode number is not reused before.
 */
export function settleSocket(temporary: string, path: string): RemoveSocket {
  renameSync(temporary, path);
  const { dev, ino } = lstatSync(path, { bigint: true });
  return () => {
    const found = lstatSync(path, { bigint: true, throwIfNoEntry: false });
    if (found?.dev === dev && found.ino === ino) unlinkSync(path);
  };
}

async function isAnswering(path: string): Promise<boolean> {
  try {
    (await connectSocket(path, 1000)).destroy();
    return true;
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined;
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    return code !== 'ECONNREFUSED' && code !== 'ENOENT';
  }
}

export function cannotListen(path: string, cause: unknown): ExtensionError {
  return new ExtensionError('socket-path', `cannot listen on ${path}: ${messageOf(cause)}. ${whatToDo(cause)}`, {
    cause,
  });
}

function whatToDo(cause: unknown): string {
  const noDescriptor = cause instanceof Error && 'code' in cause && cause.code === 'EMFILE';
  return noDescriptor
    ? 'This process may open no more files: raise LimitNOFILE, or ulimit -n.'
    : 'Its directory must exist and be writable for this user.';
}
