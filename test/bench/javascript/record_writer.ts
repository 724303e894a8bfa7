/** Writes records of a batch: little endian, unaligned (native/batch.h). */
const ROOM_BYTES = 1 << 20;

export interface Header {
  readonly kind: number;
  readonly source: number;
  readonly flags: number;
  readonly pid: number;
  readonly time: number;
}

export class RecordWriter {
  readonly #room = Buffer.alloc(ROOM_BYTES);
  #at = 0;

  /** A record: its header, and the payload that `payload` writes. */
  record({ kind, source, flags, pid, time }: Header, payload: () => void): void {
    const start = this.#at;
    this.#at += 4;
    this.u8(kind);
    this.u8(source);
    this.#at = this.#room.writeUInt16LE(flags, this.#at);
    this.i32(pid);
    this.f64(time);
    payload();
    this.#room.writeUInt32LE(this.#at - start, start);
  }

  u8(value: number): void {
    this.#at = this.#room.writeUInt8(value, this.#at);
  }

  u32(value: number): void {
    this.#at = this.#room.writeUInt32LE(value, this.#at);
  }

  i32(value: number): void {
    this.#at = this.#room.writeInt32LE(value, this.#at);
  }

  f64(value: number): void {
    this.#at = this.#room.writeDoubleLE(value, this.#at);
  }

  text(value: string): void {
    const bytes = this.#room.write(value, this.#at + 4);
    this.u32(bytes);
    this.#at += bytes;
  }

  /** The written records as a batch. */
  take(): Buffer {
    const batch = Buffer.from(this.#room.subarray(0, this.#at));
    this.#at = 0;
    return batch;
  }
}
