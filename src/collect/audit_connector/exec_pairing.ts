/**
 * The two halves of an exec: the connector says at once that a process executes, and audit's record brings what and as whom.
 * Both keep the order of a pid's execs (the connector's messages are queued by the process itself, audit's records at the
 * system call's return), so the n-th record of a pid belongs to its n-th exec, whichever process had the pid; time only
 * tells when one was lost.
 */
import { textBytes } from '../../memory/memory_bounds.ts';
import type { ExecDetails, Pid } from '../event.ts';
import type { ExecEvent } from '../events.ts';

export interface AnnouncedExec {
  readonly event: ExecEvent;
  readonly heardMs: number;
  /** Handed over without its record, which may still come. */
  isGivenUp: boolean;
}

/** A record of audit's whose exec is not announced yet. */
interface EarlyRecord {
  readonly event: ExecEvent;
  readonly details: ExecDetails;
  readonly heardMs: number;
}

/**
 * Audit stamps the entry into the system call, with a coarse clock, and the connector the exec's success: the stamp is
 * never later but for what converting between their clocks adds.
 */
const CLOCK_SLACK_MS = 5;

export class ExecPairing<Exec extends AnnouncedExec> {
  readonly #announced = new Map<Pid, Exec[]>();
  readonly #early = new Map<Pid, EarlyRecord[]>();
  #earlyBytes = 0;

  /** Of the texts of records whose exec is not announced yet. */
  get earlyBytes(): number {
    return this.#earlyBytes;
  }

  get earlyPids(): readonly Pid[] {
    return [...this.#early.keys()];
  }

  /**
   * Returns the record of an exec, where that came first. `timesCompare` is false while the clock was just set: then only
   * the order tells.
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

  /** Returns the exec that a record belongs to; undefined where that is not announced yet. */
  record(event: ExecEvent, details: ExecDetails, heardMs: number, timesCompare = true): Exec | undefined {
    const announced = this.#announced.get(event.pid);
    while (announced?.length) {
      const exec = announced.shift() as Exec;
      if (announced.length === 0) this.#announced.delete(event.pid);
      // A record of a later system call: this exec's own was lost.
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

  /** Takes out the records whose exec was not announced since `heardBeforeMs`. */
  takeUnannounced(heardBeforeMs: number): EarlyRecord[] {
    const taken: EarlyRecord[] = [];
    for (const [pid, records] of this.#early) {
      while (records[0] && records[0].heardMs <= heardBeforeMs) taken.push(records.shift() as EarlyRecord);
      if (records.length === 0) this.#early.delete(pid);
    }
    for (const { details } of taken) this.#earlyBytes -= textBytes(details);
    return taken;
  }

  /** Forgets execs that were given up long ago: a late record is told by them from that of a later exec. */
  forgetGivenUp(heardBeforeMs: number): void {
    for (const [pid, execs] of this.#announced) {
      while (execs[0]?.isGivenUp && execs[0].heardMs <= heardBeforeMs) execs.shift();
      if (execs.length === 0) this.#announced.delete(pid);
    }
  }

  /** When the record that has waited longest for its exec was heard; undefined where none waits. */
  get earlySinceMs(): number | undefined {
    let since: number | undefined;
    for (const [first] of this.#early.values()) if (first) since = Math.min(since ?? first.heardMs, first.heardMs);
    return since;
  }
}
