/** Decodes the batches of the native collector. The format is described in native/batch.h. */
import { BatchFormatError, decodeRecord, type SensorEvent } from './events.ts';

const HEADER_BYTES = 20;

/** Keeps the clock offset between batches. Only records of kind `clock` change it. */
export class BatchDecoder {
  #bootToUnixMs = 0;

  /** Unix ms minus CLOCK_BOOTTIME ms when the last batch was packed; 0 in a replay. */
  get bootToUnixMs(): number {
    return this.#bootToUnixMs;
  }

  /**
   * Events of a batch in order: at most `limit`, from byte `start`. `next` is the start of the next call; at the end, the length of
   * the batch. Throws BatchFormatError.
   */
  decode(batch: Buffer, start = 0, limit = Number.POSITIVE_INFINITY): { events: SensorEvent[]; next: number } {
    const events: SensorEvent[] = [];
    let at = start;
    while (at < batch.length && events.length < limit) {
      if (batch.length - at < HEADER_BYTES) throw new BatchFormatError(`record header cut short at byte ${at}`);
      const size = batch.readUInt32LE(at);
      if (size < HEADER_BYTES || size > batch.length - at) {
        throw new BatchFormatError(`record of ${size} bytes at byte ${at} of ${batch.length}`);
      }
      const event = decodeRecord(batch, at, this.#bootToUnixMs);
      if (event.kind === 'clock') this.#bootToUnixMs = event.offset ?? 0;
      else events.push(event);
      at += size;
    }
    return { events, next: at };
  }
}
