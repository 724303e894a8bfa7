import { type Stats, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { ExtensionError, messageOf } from './extension_error.ts';

/** sun_path has 108 bytes (man 7 unix); the extension appends a dot, a uuid of up to nine digits, and a NUL. */
export const MAX_SOCKET_PATH_BYTES = 97;

/**
 * Checks the manager's socket path before the first connection. A missing socket is no error: osqueryd creates it seconds
 * after it has started its extensions.
 *
 * @throws {ExtensionError} `socket-path`
 */
export function checkSocketPath(path: string): void {
  const bytes = Buffer.byteLength(path);
  if (bytes === 0) throw fault('no socket path: pass --socket the path that osquery listens on');
  if (bytes > MAX_SOCKET_PATH_BYTES) {
    throw fault(
      `${path} is ${bytes} bytes long, ${MAX_SOCKET_PATH_BYTES} at most: choose a shorter --extensions_socket for osquery`,
    );
  }
  const directory = dirname(path);
  const parent = status(directory);
  if (parent === undefined)
    throw fault(`${directory}: no such directory, so ${path} cannot be created: check --socket`);
  if (!parent.isDirectory())
    throw fault(`${directory} is not a directory, so ${path} cannot be created: check --socket`);
  const found = status(path);
  if (found && !found.isSocket()) throw fault(`${path} is not a socket: check --socket`);
}

function status(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (cause) {
    throw new ExtensionError('socket-path', `${path}: ${messageOf(cause)}: run as the user that osquery runs as`, {
      cause,
    });
  }
}

function fault(message: string): ExtensionError {
  return new ExtensionError('socket-path', message);
}
