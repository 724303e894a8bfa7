/** What a server that was killed leaves where the next one wants to listen. */
import { lstatSync, unlinkSync } from 'node:fs';
import { messageOf } from '../error_message.ts';
import { ExtensionError } from './extension_error.ts';
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
  return new ExtensionError(
    'socket-path',
    `cannot listen on ${path}: ${messageOf(cause)}. Its directory must exist and be writable for this user.`,
    { cause },
  );
}
