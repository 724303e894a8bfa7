/**
 * Stretches of rows that share nothing with rows before them: what rows share is stored once in each, so that it can be
 * dropped when the rows of its epoch are. An epoch ends after so many rows, or so many bytes of what they share.
 */
export interface Epoch {
  readonly firstEid: number;
  /** The id of the first link that is stored in it. */
  readonly firstLink: number;
}

const EPOCH_EIDS = 4096;

export class Epochs {
  /** The oldest first. */
  #epochs: Epoch[] = [];
  /** Shared since the present one began. */
  #bytes = 0;
  /** What is known of earlier epochs was read from the disk: what they have stored is not known any more. */
  #isFresh = false;

  load(epochs: readonly Epoch[]): void {
    this.#epochs = [...epochs];
    this.#bytes = 0;
    this.#isFresh = false;
  }

  get current(): Epoch | undefined {
    return this.#epochs.at(-1);
  }

  share(bytes: number): void {
    this.#bytes += bytes;
  }

  /** The epoch that begins with this row; undefined where it belongs to the present one. */
  begin(eid: number, firstLink: number, maxBytes: number): Epoch | undefined {
    const { current } = this;
    const goesOn = this.#isFresh && current && eid - current.firstEid < EPOCH_EIDS && this.#bytes < maxBytes;
    if (goesOn) return undefined;
    // A row that was not stored may have begun one.
    const epoch = { firstEid: Math.max(eid, (current?.firstEid ?? -1) + 1), firstLink };
    this.#epochs.push(epoch);
    this.#bytes = 0;
    this.#isFresh = true;
    return epoch;
  }

  /** The oldest epoch to keep where the oldest row is `eid`: one more than needed, for a query that still reads. */
  oldestNeeded(eid: number): Epoch | undefined {
    let at = this.#epochs.length - 1;
    while (at > 0 && (this.#epochs[at] as Epoch).firstEid > eid) at--;
    return this.#epochs[Math.max(0, at - 1)];
  }

  get oldest(): Epoch | undefined {
    return this.#epochs[0];
  }

  /** Forgets those before this one. */
  removeBefore(epoch: Epoch): void {
    const at = this.#epochs.indexOf(epoch);
    if (at > 0) this.#epochs.splice(0, at);
  }
}
