/**
 * Keeps the process group changes that audit reported until the next event of the process. Setpgid and fork are reported
 * separately, so the setpgid of a new process may be reported before its fork.
 */
import type { Pid, ProcessEvent } from './event.ts';
import type { ForkEvent, SensorEvent, SetpgidEvent } from './events.ts';

/** Processes whose changes are kept. */
const PROCESSES_MAX = 1024;
/** Job control sets a group once or twice. */
const CHANGES_MAX = 8;

export interface GroupChange {
  readonly event: SetpgidEvent;
  /** Time of the last fork of the pid that was reported before this change; undefined if none. */
  readonly forkedMs: number | undefined;
  /** The change may belong to a former process with the pid. */
  isDoubtful: boolean;
}

export class GroupChanges {
  /** By the pid of the moved process; the oldest first. */
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
   * Appends to `whole` the changes that come before this event of the same process. For a fork, the changes of the child come
   * after the fork, and changes of a former process with the pid (`isFormer`) are dropped.
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
      // The group is then read from /proc, or unknown.
      whole.push(isDoubtful ? { ...event, pgid: undefined, goneCaller: undefined } : event);
    }
    this.#keep(pid, changes);
  }

  #keep(pid: Pid, changes: GroupChange[]): void {
    if (changes.length === 0) this.#byPid.delete(pid);
    else this.#byPid.set(pid, changes);
  }
}
