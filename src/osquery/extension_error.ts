/** The kind of an `ExtensionError`. */
export type ExtensionErrorCode =
  /** The socket path is unusable: too long, no such directory, not a socket, no permission. */
  | 'socket-path'
  /** No process listens on the socket. */
  | 'unreachable'
  /** The connection closed before the answer was complete. */
  | 'lost'
  /** No connection or no answer within the time limit. */
  | 'timeout'
  /** The peer's bytes are not valid Thrift, or exceed a limit. */
  | 'protocol'
  /** The peer answered with an exception, or osquery refused the registration. */
  | 'refused'
  /** A table declaration is invalid: a column is declared twice, a name is not a SQL name. */
  | 'declaration';

/** An expected error. The message has the cause, its value, and what to do. */
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
