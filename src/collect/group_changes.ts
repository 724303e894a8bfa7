/**
 * Changes of process groups that audit told of, until the next event of the process: a setpgid is told apart from forks, and
 * a new process may have called it before its fork is told.
 */
import type { Pid, ProcessEvent } from './event.ts';
import type { SensorEvent, SetpgidEvent } from './events.ts';

/** Audit's clock is coarse: a scheduler tick of at most 10 ms (CONFIG_HZ=100). */
export const AUDIT_TICK_MS = 10;
/** Processes whose changes are remembered. */
const PROCESSES_MAX = 1024;
/** Job control sets a group once or twice. */
const CHANGES_MAX = 8;

export class GroupChanges {
  /** By the process that was moved; the oldest first. */
  readonly #byPid = new Map<Pid, SetpgidEvent[]>();

  add(change: SetpgidEvent): void {
    const { pid } = change;
    const changes = this.#byPid.get(pid);
    if (changes) changes.push(change);
    else this.#byPid.set(pid, [change]);
    if (changes && changes.length > CHANGES_MAX) changes.shift();
    const [oldest] = this.#byPid.keys();
    if (this.#byPid.size > PROCESSES_MAX && oldest !== undefined) this.#byPid.delete(oldest);
  }

  /** Appends to `whole` the changes that come before this event of the same process. */
  release(event: SensorEvent, isBefore: (change: SetpgidEvent) => boolean, whole: ProcessEvent[]): void {
    if (this.#byPid.size === 0) return;
    if (event.kind !== 'fork') {
      this.#releaseOf(event.pid, isBefore, whole);
      return;
    }
    this.#releaseOf(event.parent, isBefore, whole);
    if (event.imageFrom !== undefined) this.#releaseOf(event.imageFrom, isBefore, whole);
    this.#forgetFormer(event);
  }

  #releaseOf(pid: Pid, isBefore: (change: SetpgidEvent) => boolean, whole: ProcessEvent[]): void {
    const changes = this.#byPid.get(pid);
    if (!changes) return;
    while (changes[0] && isBefore(changes[0])) whole.push(changes.shift() as SetpgidEvent);
    if (changes.length === 0) this.#byPid.delete(pid);
  }

  /** What was set before this fork was set of a process that had the pid before. */
  #forgetFormer({ pid, bootMs }: SensorEvent): void {
    const changes = this.#byPid.get(pid);
    if (!changes) return;
    const own = changes.filter((change) => change.bootMs + AUDIT_TICK_MS >= bootMs);
    if (own.length === 0) this.#byPid.delete(pid);
    else this.#byPid.set(pid, own);
  }
}
