/** Numbers of Thrift's strict binary protocol (thrift/doc/specs/thrift-binary-protocol.md). */
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

/** How much of a message a reader takes. */
export interface ProtocolLimits {
  /** Bytes of a whole message. */
  readonly maxMessageBytes: number;
  /** Bytes of a method's name. */
  readonly maxNameBytes: number;
  /** Structs and containers in one another. */
  readonly maxDepth: number;
  /** Values in all structs and containers together. Default: as many as fit. */
  readonly maxValues?: number;
}

/** Bounds for requests: 16 MiB. */
export const REQUEST_LIMITS: ProtocolLimits = { maxMessageBytes: 16 * 1024 * 1024, maxNameBytes: 256, maxDepth: 32 };

/** The peer does not speak the protocol, or not within its bounds: the connection has to be closed. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
}

/** A message that is not whole: at least `needed` bytes of it, counted from its start, are wanted. */
export class Underrun extends ProtocolError {
  readonly needed: number;

  constructor(needed: number) {
    super(`message ends before byte ${needed}`);
    this.needed = needed;
  }
}

/** The fewest bytes that a value of a type takes. */
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
