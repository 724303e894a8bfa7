/**
 * Execs that are on their way to being published, and the pairing of the two sources that tell of one: the connector
 * says at once that a process executes, audit's record brings what and as whom. Both keep the order of a pid's execs
 * (the connector's messages are queued by the process itself, audit's records at the system call's return), so the
 * n-th record of a pid belongs to its n-th exec, whichever process had the pid; time only tells when one was lost.
 */
import type { ExecDetails, ExecEvent, Pid } from '../collect/event.ts';
import type { Image } from './image.ts';
import { textBytes } from './memory_bounds.ts';
import type { Link, Process } from './process.ts';
import type { Group } from './session.ts';

/** What happened to a process; `existing`: it was there before the recording began. */
export type Action = 'exec' | 'fork' | 'setsid' | 'exit' | 'existing';

/** Something that happened to a process and is to be published; most of all, an exec. */
export class Execution {
  readonly action: Action;
  readonly process: Process;
  /** The process with image and session as they were then. */
  readonly link: Link;
  readonly image: Image;
  /** What it ran before this. */
  readonly imageBefore: Image;
  /** The session's leader as it was then. */
  readonly sessionLeader: Link | undefined;
  /** The process group, and its leader, once all that could have set it is told. */
  group: Group | undefined = undefined;
  groupLeader: Link | undefined = undefined;
  readonly bootMs: number;
  /** All that is known of it, once the image is sealed. */
  details: ExecDetails | undefined = undefined;
  /** When it happened, in Unix ms; audit's own time, of a coarse clock, once its record is there. */
  unixMs: number;
  /** Changes of groups are not told: its group is what its details say, or unknown. */
  groupsUntold = false;
  /** It may be in another control group than its creator's: see ExecEvent. */
  cgroupUntold = false;
  /** Control group; '' while nobody knows. */
  cgroup = '';
  /** What the process ran before `image`. */
  readonly previous: readonly Image[];
  /** When this process heard of it, in ms of the tree's clock. */
  readonly heardMs: number;
  /** What /proc said at once, where it had to be expected that audit would say nothing. */
  fallback: ExecDetails | undefined = undefined;
  /** Published, or about to be: nothing can be added any more. */
  closed = false;

  constructor(
    action: Action,
    process: Process,
    at: { bootMs: number; unixMs: number; heardMs: number },
    imageBefore: Image = process.image,
  ) {
    this.imageBefore = imageBefore;
    this.action = action;
    this.process = process;
    this.link = process.link;
    this.image = process.image;
    this.sessionLeader = this.linkOf(process.session);
    this.previous = process.previous;
    this.bootMs = at.bootMs;
    this.unixMs = at.unixMs;
    this.heardMs = at.heardMs;
  }

  /** Whether the terminal at which the image was executed is not the process's any more. */
  get hasLostTerminal(): boolean {
    if (this.link.leftTerminal) return true;
    // A leader's end takes the terminal away from all of its session (drivers/tty/tty_jobctrl.c, disassociate_ctty).
    const leader = this.sessionLeader?.process;
    const end = leader === this.process ? undefined : leader?.exit?.bootMs;
    return end !== undefined && end > 0 && end <= this.bootMs;
  }

  /** A group's leader as it is now, or as it was then where it is the process itself. */
  linkOf(group: Group | undefined): Link | undefined {
    const leader = group?.leader;
    return leader === this.process ? this.link : leader?.link;
  }
}

/**
 * Audit stamps the entry into the system call, with a coarse clock, and the connector the exec's success: the stamp is
 * never later but for what converting between their clocks adds.
 */
const CLOCK_SLACK_MS = 5;

export interface EarlyDetails {
  readonly event: ExecEvent;
  readonly details: ExecDetails;
  readonly heardMs: number;
}

export type Pairing = { readonly execution: Execution; readonly late: boolean } | undefined;

export class ExecPairing {
  readonly #executions = new Map<Pid, Execution[]>();
  readonly #early = new Map<Pid, EarlyDetails[]>();
  /** Of the texts of records that no exec came for yet. */
  #earlyBytes = 0;

  get earlyBytes(): number {
    return this.#earlyBytes;
  }

  /** The connector's exec. Answers audit's record of it, where that came first. */
  addExecution(execution: Execution): ExecDetails | undefined {
    const { pid } = execution.process;
    const early = this.#early.get(pid);
    const first = early?.[0];
    if (early && first && first.event.unixMs <= execution.unixMs + CLOCK_SLACK_MS) {
      early.shift();
      this.#earlyBytes -= textBytes(first.details);
      if (early.length === 0) this.#early.delete(pid);
      execution.unixMs = first.event.unixMs;
      return first.details;
    }
    const waiting = this.#executions.get(pid);
    if (waiting) waiting.push(execution);
    else this.#executions.set(pid, [execution]);
    return undefined;
  }

  /**
   * Audit's record. Answers the exec that it belongs to; undefined when the connector has not told of it yet.
   * `timesCompare` is false while the clock was just set: then only the order tells.
   */
  addDetails(event: ExecEvent, details: ExecDetails, heardMs: number, timesCompare = true): Pairing {
    const waiting = this.#executions.get(event.pid);
    while (waiting?.length) {
      const execution = waiting.shift() as Execution;
      if (waiting.length === 0) this.#executions.delete(event.pid);
      // A record of a later system call: this exec's own was lost.
      if (timesCompare && event.unixMs > execution.unixMs + CLOCK_SLACK_MS) continue;
      if (execution.closed) return { execution, late: true };
      execution.unixMs = event.unixMs;
      return { execution, late: false };
    }
    const early = this.#early.get(event.pid);
    const entry = { event, details, heardMs };
    this.#earlyBytes += textBytes(details);
    if (early) early.push(entry);
    else this.#early.set(event.pid, [entry]);
    return undefined;
  }

  /** The process whose exec is the next that audit will tell of under this pid: what audit tells before is of it too. */
  awaited(pid: Pid): Process | undefined {
    const next = this.#executions.get(pid)?.[0];
    return next?.closed ? undefined : next?.process;
  }

  /** Takes out the records that no exec came for since `heardBeforeMs`. */
  takeUnclaimed(heardBeforeMs: number): EarlyDetails[] {
    const taken: EarlyDetails[] = [];
    for (const [pid, entries] of this.#early) {
      while (entries[0] && entries[0].heardMs <= heardBeforeMs) taken.push(entries.shift() as EarlyDetails);
      if (entries.length === 0) this.#early.delete(pid);
    }
    for (const { details } of taken) this.#earlyBytes -= textBytes(details);
    return taken;
  }

  /** Forgets execs, published without details long ago, that a late record could still have been told from. */
  forgetClosed(heardBeforeMs: number): void {
    for (const [pid, executions] of this.#executions) {
      while (executions[0]?.closed && executions[0].heardMs <= heardBeforeMs) executions.shift();
      if (executions.length === 0) this.#executions.delete(pid);
    }
  }

  /** When the record that has waited longest for its exec was heard; undefined when none does. */
  get unclaimedSinceMs(): number | undefined {
    let since: number | undefined;
    for (const [first] of this.#early.values()) if (first) since = Math.min(since ?? first.heardMs, first.heardMs);
    return since;
  }
}
