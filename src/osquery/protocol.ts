/** Constants of Thrift's strict binary protocol (thrift/doc/specs/thrift-binary-protocol.md). */
export const VERSION_1 = 0x8001;

export const Type = {
  STOP: 0,
  BOOL: 2,
  BYTE: 3,
  DOUBLE: 4,
  I16: 6,
  I32: 8,
  I64: 10,
  STRING: 11,
  STRUCT: 12,
  MAP: 13,
  SET: 14,
  LIST: 15,
  UUID: 16,
} as const;

export const MessageType = { CALL: 1, REPLY: 2, EXCEPTION: 3, ONEWAY: 4 } as const;

/** Limits of a message. */
export interface ProtocolLimits {
  /** Bytes of the message. */
  readonly maxMessageBytes: number;
  /** Bytes of the method name. */
  readonly maxNameBytes: number;
  /** Nesting of structs and containers. */
  readonly maxDepth: number;
  /** Number of values in all structs and containers. Default: no limit. */
  readonly maxValues?: number;
}

/** Limits of requests: 16 MiB. */
export const REQUEST_LIMITS: ProtocolLimits = { maxMessageBytes: 16 * 1024 * 1024, maxNameBytes: 256, maxDepth: 32 };

/** The bytes are not valid, or exceed a limit. The connection must be closed. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
}

/** The message is incomplete: it needs at least `needed` bytes, counted from its start. */
export class Underrun extends ProtocolError {
  readonly needed: number;

  constructor(needed: number) {
    super(`message ends before byte ${needed}`);
    this.needed = needed;
  }
}

/** The least number of bytes of a value of a type. */
export function minimumSize(type: number): number {
  switch (type) {
    case Type.BOOL:
    case Type.BYTE:
    case Type.STRUCT:
      return 1;
    case Type.I16:
      return 2;
    case Type.I32:
    case Type.STRING:
      return 4;
    case Type.LIST:
    case Type.SET:
      return 5;
    case Type.MAP:
      return 6;
    case Type.I64:
    case Type.DOUBLE:
      return 8;
    case Type.UUID:
      return 16;
    default:
      throw new ProtocolError(`unknown type ${type}`);
  }
}
