/** Sessions and process groups: a number, and the process that leads, also when it has died. */
import type { Process } from './process.ts';

/** A session or a process group (man 2 setsid, setpgid). */
export interface Group {
  readonly id: number;
  /** Undefined where it was gone before anybody looked. */
  readonly leader: Process | undefined;
}

interface Change {
  readonly group: Group;
  /** CLOCK_BOOTTIME, which nobody sets. */
  readonly atMs: number;
  /** Audit's; 0 where there is none. */
  readonly serial: number;
}

/** Job control sets a group once or twice; a process that goes on setting its own is not remembered without end. */
const CHANGES_MAX = 8;
/** A process that forks itself on and on, and never executes, would hold the groups of all before it. */
const GENERATIONS_MAX = 64;

/**
 * The process group of one process over time. What audit tells of setpgid comes later than the connector's forks and
 * execs, so a group is looked up when all that is older than the asker has been told.
 */
export class GroupHistory {
  #from: { readonly groups: GroupHistory; readonly atMs: number } | undefined;
  #first: Group | undefined;
  readonly #changes: Change[] = [];
  #generation = 0;

  /** It was forked at that time by whoever has these. */
  inherit(groups: GroupHistory, atMs: number): void {
    this.#from = { groups, atMs };
    this.#generation = groups.#generation + 1;
    if (this.#generation % GENERATIONS_MAX === 0) this.#settleAbove();
  }

  /** As /proc shows it. */
  start(group: Group): void {
    this.#from = undefined;
    this.#first = group;
    this.#changes.length = 0;
  }

  set(change: Change): void {
    // Who leads a session cannot be put into a group (kernel/sys.c: EPERM), so it was before that, and told late.
    const last = this.#changes.at(-1);
    const isTooLate = change.serial > 0 && last?.serial === 0;
    this.#changes.splice(isTooLate ? -1 : this.#changes.length, 0, change);
    if (this.#changes.length > CHANGES_MAX) this.#changes.shift();
  }

  /** The group at a time, or before audit's record with this serial. */
  at(atMs: number, serial = 0): Group | undefined {
    let groups: GroupHistory = this;
    let before = atMs;
    let number = serial;
    for (;;) {
      const found = groups.#last(before, number);
      if (found || !groups.#from) return found ?? groups.#first;
      // Audit stamps the entry into setpgid with a coarse clock: what was set before a fork is never stamped later.
      before = groups.#from.atMs;
      number = 0;
      groups = groups.#from.groups;
    }
  }

  /** Lets go of whoever it inherited from: what it has at this time it has had from the start, if it was never set. */
  settle(atMs: number, serial: number): void {
    if (!this.#from) return;
    const { groups, atMs: forkedMs } = this.#from;
    if (atMs < forkedMs && serial === 0) return;
    this.#first = groups.at(forkedMs);
    this.#from = undefined;
  }

  #settleAbove(): void {
    let groups: GroupHistory = this;
    for (let n = 0; n < GENERATIONS_MAX; n++) {
      if (!groups.#from) return;
      groups = groups.#from.groups;
    }
    groups.settle(Number.POSITIVE_INFINITY, 0);
  }

  #last(atMs: number, serial: number): Group | undefined {
    for (let i = this.#changes.length - 1; i >= 0; i--) {
      const change = this.#changes[i] as Change;
      const isBefore = serial > 0 && change.serial > 0 ? change.serial < serial : change.atMs <= atMs;
      if (isBefore) return change.group;
    }
    return undefined;
  }
}
