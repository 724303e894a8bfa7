/**
 * Changes of process groups that audit told of, until the next event of the process: a setpgid is told apart from forks, and
 * a new process may have called it before its fork is told.
 */
import type { Pid, ProcessEvent } from './event.ts';
import type { ForkEvent, SensorEvent, SetpgidEvent } from './events.ts';

/** Processes whose changes are remembered. */
const PROCESSES_MAX = 1024;
/** Job control sets a group once or twice. */
const CHANGES_MAX = 8;

export interface GroupChange {
  readonly event: SetpgidEvent;
  /** When the process that had the pid was forked, of the forks that were told before this change; undefined for none. */
  readonly forkedMs: number | undefined;
  /** It may be of the process that had the pid before. */
  isDoubtful: boolean;
}

export class GroupChanges {
  /** By the process that was moved; the oldest first. */
  readonly #byPid = new Map<Pid, GroupChange[]>();

  add(event: SetpgidEvent, forkedMs?: number): void {
    const { pid } = event;
    const change = { event, forkedMs, isDoubtful: false };
    const changes = this.#byPid.get(pid);
    if (changes) changes.push(change);
    else this.#byPid.set(pid, [change]);
    if (changes && changes.length > CHANGES_MAX) changes.shift();
    const [oldest] = this.#byPid.keys();
    if (this.#byPid.size > PROCESSES_MAX && oldest !== undefined) this.#byPid.delete(oldest);
  }

  /**
   * Appends to `whole` the changes that come before this event of the same process. Those of the process that is forked come
   * after it, and are forgotten where `isFormer` says that they are of a process that had the pid before.
   */
  release(
    event: SensorEvent,
    isBefore: (change: GroupChange) => boolean,
    isFormer: (change: GroupChange, fork: ForkEvent) => boolean,
    whole: ProcessEvent[],
  ): void {
    if (this.#byPid.size === 0) return;
    if (event.kind !== 'fork') {
      this.#releaseOf(event.pid, isBefore, whole);
      return;
    }
    this.#releaseOf(event.parent, isBefore, whole);
    if (event.imageFrom !== undefined) this.#releaseOf(event.imageFrom, isBefore, whole);
    const own = this.#byPid.get(event.pid)?.filter((change) => !isFormer(change, event));
    if (own) this.#keep(event.pid, own);
  }

  #releaseOf(pid: Pid, isBefore: (change: GroupChange) => boolean, whole: ProcessEvent[]): void {
    const changes = this.#byPid.get(pid);
    if (!changes) return;
    while (changes[0] && isBefore(changes[0])) {
      const { event, isDoubtful } = changes.shift() as GroupChange;
      // The group is what /proc shows, or unknown.
      whole.push(isDoubtful ? { ...event, pgid: undefined, goneCaller: undefined } : event);
    }
    this.#keep(pid, changes);
  }

  #keep(pid: Pid, changes: GroupChange[]): void {
    if (changes.length === 0) this.#byPid.delete(pid);
    else this.#byPid.set(pid, changes);
  }
}
