/** What a server that was killed leaves where the next one wants to listen, and what one that ends must leave. */
import { lstatSync, renameSync, unlinkSync } from 'node:fs';
import { ExtensionError, messageOf } from './extension_error.ts';
import { connectSocket } from './message_socket.ts';

/**
 * Makes way for a socket of ours: one that nobody answers on is removed.
 *
 * @throws {ExtensionError} `socket-path`: something else is there, or somebody answers
 */
export async function removeStaleSocket(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) {
    throw new ExtensionError('socket-path', `${path} is in the way: it is no socket. Move it elsewhere.`);
  }
  if (await isAnswering(path)) {
    throw new ExtensionError('socket-path', `${path} is in use: another extension answers there.`);
  }
  try {
    unlinkSync(path);
  } catch (error) {
    // Somebody else may have cleared it away.
    if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) throw cannotListen(path, error);
  }
}

/** Removes a socket file of ours, once its time has come. */
export type RemoveSocket = () => void;

/**
 * A name to listen on at first, for `settleSocket`. As long as the path itself, which may be as long as can be, and with
 * its beginning, so that osquery clears it away with those that stay behind a crash.
 */
export function temporaryName(path: string): string {
  return `${path.slice(0, -1)}~`;
}

/**
 * Gives a listening socket its name. Closing a server removes the name that it has listened on, whatever is there by then
 * (libuv, uv__pipe_close): another extension's socket, where a new worker of osquery has given it our old uuid.
 *
 * @returns what removes the file, unless it is another's by then; to be called while the socket is open, because its
 * inode is not used again for so long
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
