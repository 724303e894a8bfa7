/** What an `ExtensionError` is about. */
export type ExtensionErrorCode =
  /** The socket path cannot be used: too long, no such directory, not a socket, no permission. */
  | 'socket-path'
  /** Nobody listens there, or not within the timeout. */
  | 'unreachable'
  /** The connection broke before the answer was complete. */
  | 'lost'
  /** No answer in time. */
  | 'timeout'
  /** The peer does not speak the protocol, or not within its bounds. */
  | 'protocol'
  /** osquery understood and said no. */
  | 'refused'
  /** The extension's own declaration is wrong: a column twice, a name that is no name. */
  | 'declaration';

/** An error that is to be expected: the message names what was wrong, its value, and what to do. */
export class ExtensionError extends Error {
  override readonly name = 'ExtensionError';
  readonly code: ExtensionErrorCode;

  constructor(code: ExtensionErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The message of a thrown value, which need not be an `Error`. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
