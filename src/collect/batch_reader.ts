/** Takes the batches of the native queue and decodes them in time slices. */
import { collectGarbage } from '../memory/collect_garbage.ts';
import { BatchDecoder } from './batch.ts';
import type { SensorEvent } from './events.ts';
import type { NativeBinding } from './native.ts';

/** A batch of the native queue fits, unless a single event is larger. */
const ROOM_BYTES = 512 * 1024;
const EVENTS_A_STEP = 500;
const SLICE_MS = 10;
/** Node keeps longer texts outside of the V8 heap (src/string_bytes.cc, EXTERN_APEX), where V8 does not count them. */
const EXTERNAL_BYTES = 1_000_000;
/** Garbage is collected after this many bytes of such texts. */
const COLLECT_BYTES = 2 * 1024 * 1024;
/** Average bytes per event in a decoding step; above it, texts are long. */
const LONG_BYTES = 4096;
/** Garbage is collected after this many bytes of long texts. V8 alone would wait ten times as long. */
const COLLECT_ALL_BYTES = 2 * 1024 * 1024;
/** How often the reader checks for room. */
const NO_ROOM_MS = 10;

export class BatchReader {
  readonly #native: NativeBinding;
  readonly #onEvents: (events: readonly SensorEvent[]) => void;
  readonly #hasRoom: () => boolean;
  readonly #decoder = new BatchDecoder();
  /** All batches are copied into the same memory: strings are made from them at once. */
  #room = Buffer.alloc(ROOM_BYTES);
  /** The present batch. */
  #batch = Buffer.alloc(0);
  #position = 0;
  /** Bytes of all batches until now. */
  #decodedBytes = 0;
  /** Bytes of external texts since the last garbage collection. */
  #externalBytes = 0;
  /** Bytes of long texts since the last full garbage collection. */
  #longBytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  /** While `hasRoom` returns false, batches wait in the native queue. */
  constructor(native: NativeBinding, onEvents: (events: readonly SensorEvent[]) => void, hasRoom: () => boolean) {
    this.#native = native;
    this.#onEvents = onEvents;
    this.#hasRoom = hasRoom;
  }

  /** Bytes that are taken and not decoded yet. */
  get heldBytes(): number {
    return this.#batch.length - this.#position;
  }

  /** Resolves when everything in the queue at the call is delivered, as far as there is room. */
  async drain(): Promise<void> {
    const end = this.#decodedBytes + this.heldBytes + this.#native.stats().queueBytes;
    while (this.#decodedBytes < end && !this.#isStopped && this.#hasRoom() && this.#isWaiting()) {
      this.work();
      if (this.#decodedBytes < end) await new Promise(setImmediate);
    }
  }

  /** Delivers the waiting events for at most `withinMs`. Nothing is delivered after that. */
  stop(withinMs: number): void {
    this.#isStopped = true;
    this.work(withinMs);
    clearTimeout(this.#timer);
  }

  /** Delivers waiting events in time slices: after a stall there may be many. */
  work(sliceMs = SLICE_MS): void {
    clearTimeout(this.#timer);
    const began = performance.now();
    while (this.#isWaiting()) {
      if (!this.#isStopped && !this.#hasRoom()) {
        this.#timer = setTimeout(() => this.work(), NO_ROOM_MS);
        return;
      }
      const { events, next } = this.#decoder.decode(this.#batch, this.#position, EVENTS_A_STEP);
      const bytes = next - this.#position;
      this.#position = next;
      this.#decodedBytes += bytes;
      this.#onEvents(events);
      this.#collect(bytes, events.length);
      if (performance.now() - began <= sliceMs) continue;
      if (!this.#isStopped) setImmediate(() => this.work());
      return;
    }
  }

  #collect(bytes: number, events: number): void {
    if (bytes < LONG_BYTES * events) return;
    this.#longBytes += bytes;
    if (bytes >= EXTERNAL_BYTES) this.#externalBytes += bytes;
    if (this.#longBytes >= COLLECT_ALL_BYTES) {
      this.#longBytes = 0;
      this.#externalBytes = 0;
      collectGarbage({ type: 'major' });
    } else if (this.#externalBytes >= COLLECT_BYTES) {
      this.#externalBytes = 0;
      collectGarbage({ type: 'minor' });
    }
  }

  /** Whether there is something to decode. Takes the next batch if the last one is done. */
  #isWaiting(): boolean {
    if (this.#position < this.#batch.length) return true;
    let size = this.#native.take(this.#room);
    if (size < 0) {
      this.#room = Buffer.alloc(-size);
      size = this.#native.take(this.#room);
    } else if (size === 0 && this.#room.length > ROOM_BYTES) {
      this.#room = Buffer.alloc(ROOM_BYTES);
    }
    this.#batch = this.#room.subarray(0, size);
    this.#position = 0;
    return size > 0;
  }
}
