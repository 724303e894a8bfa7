/**
 * Pairs the two parts of an exec: the connector message announces it at once, and the audit record has its details. Both keep
 * the order of the execs of a pid (the process itself queues the connector message, and the audit record at the return of the
 * system call). So the n-th record of a pid belongs to its n-th exec, also if the pid was reused. Times are only compared to
 * detect a lost record.
 */
import { textBytes } from '../../memory/memory_bounds.ts';
import type { ExecDetails, Pid } from '../event.ts';
import type { ExecEvent } from '../events.ts';

export interface AnnouncedExec {
  readonly event: ExecEvent;
  readonly heardMs: number;
  /** Released without its record, which may still come. */
  isGivenUp: boolean;
}

/** An audit record whose exec is not announced yet. */
interface EarlyRecord {
  readonly event: ExecEvent;
  readonly details: ExecDetails;
  readonly heardMs: number;
}

/**
 * Audit takes the time of the system call's entry from a coarse clock, and the connector takes the time of the exec's success.
 * The audit timestamp is never later, except for the error of the conversion between the clocks.
 */
const CLOCK_SLACK_MS = 5;

export class ExecPairing<Exec extends AnnouncedExec> {
  readonly #announced = new Map<Pid, Exec[]>();
  readonly #early = new Map<Pid, EarlyRecord[]>();
  #earlyBytes = 0;

  /** Memory for the texts of records whose exec is not announced yet. */
  get earlyBytes(): number {
    return this.#earlyBytes;
  }

  get earlyPids(): readonly Pid[] {
    return [...this.#early.keys()];
  }

  /**
   * Announces an exec. Returns its record if that came first. `timesCompare` is false just after the clock was set: then only the
   * order counts.
   */
  announce(exec: Exec, timesCompare = true): ExecDetails | undefined {
    const { pid, unixMs } = exec.event;
    const early = this.#early.get(pid);
    const [first] = early ?? [];
    if (early && first && (!timesCompare || first.event.unixMs <= unixMs + CLOCK_SLACK_MS)) {
      early.shift();
      this.#earlyBytes -= textBytes(first.details);
      if (early.length === 0) this.#early.delete(pid);
      return first.details;
    }
    const announced = this.#announced.get(pid);
    if (announced) announced.push(exec);
    else this.#announced.set(pid, [exec]);
    return undefined;
  }

  /** Adds a record. Returns its exec; undefined if the exec is not announced yet. */
  record(event: ExecEvent, details: ExecDetails, heardMs: number, timesCompare = true): Exec | undefined {
    const announced = this.#announced.get(event.pid);
    while (announced?.length) {
      const exec = announced.shift() as Exec;
      if (announced.length === 0) this.#announced.delete(event.pid);
      // The record is of a later system call: the record of this exec was lost.
      if (timesCompare && event.unixMs > exec.event.unixMs + CLOCK_SLACK_MS) continue;
      return exec;
    }
    const early = this.#early.get(event.pid);
    const record = { event, details, heardMs };
    this.#earlyBytes += textBytes(details);
    if (early) early.push(record);
    else this.#early.set(event.pid, [record]);
    return undefined;
  }

  /** Removes and returns the records from before `heardBeforeMs` whose exec was not announced. */
  takeUnannounced(heardBeforeMs: number): EarlyRecord[] {
    const taken: EarlyRecord[] = [];
    for (const [pid, records] of this.#early) {
      while (records[0] && records[0].heardMs <= heardBeforeMs) taken.push(records.shift() as EarlyRecord);
      if (records.length === 0) this.#early.delete(pid);
    }
    for (const { details } of taken) this.#earlyBytes -= textBytes(details);
    return taken;
  }

  /** Removes execs that were given up long ago. Until then they catch their late records. */
  forgetGivenUp(heardBeforeMs: number): void {
    for (const [pid, execs] of this.#announced) {
      while (execs[0]?.isGivenUp && execs[0].heardMs <= heardBeforeMs) execs.shift();
      if (execs.length === 0) this.#announced.delete(pid);
    }
  }

  /** When the oldest record without an exec arrived; undefined if none waits. */
  get earlySinceMs(): number | undefined {
    let since: number | undefined;
    for (const [first] of this.#early.values()) if (first) since = Math.min(since ?? first.heardMs, first.heardMs);
    return since;
  }
}
