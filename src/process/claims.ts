/**
 * Children whose number is only what their creator was given (R9): the result of clone as the caller's pid namespace counts,
 * which may be another than the initial one. A claim is believed once an event of the child's own names the caller as its
 * parent: own numbers and parents are always those of the initial namespace. From then on the caller's numbers are believed
 * without.
 */
import type { ForkEvent, Pid } from '../collect/event.ts';
import type { Claim, Process } from './process.ts';

export function claimOf(event: ForkEvent, creator: Process, forker: Process): Claim {
  const { session, group, leftTerminal } = forker;
  return { event, creator: creator.atFork, forker: forker.atFork, session, group, leftTerminal };
}

/**
 * Whether the numbers that it is given are taken for those of the initial namespace once nothing else tells. A fork that
 * never executed, such as the middle one of a daemon's two forks, has no record of its own: its creator answers for it.
 */
export function likelyCountsInitially(process: Process): boolean {
  let counting: Process | undefined = process;
  while (counting && !counting.countsInitially) {
    const isFork: boolean = counting.execUnixMs === 0 && !counting.hasExecuted;
    counting = isFork ? counting.creator?.process : undefined;
  }
  return counting !== undefined;
}

/** The kernel's own threads and init have these, and nothing that forks creates them. */
const LAST_KERNEL_PID = 2;

export function isImpossible({ event }: Claim): boolean {
  return event.pid <= LAST_KERNEL_PID;
}

/** Claims to be remembered for pids that a living process holds. */
const CONTESTED_MAX = 1024;

/** Claims for pids that another process holds, as far as known: it stays what it is until the claim is believed. */
export class ContestedClaims {
  readonly #byPid = new Map<Pid, Claim>();

  add(claim: Claim): void {
    const { pid } = claim.event;
    this.#byPid.delete(pid);
    this.#byPid.set(pid, claim);
    const [oldest] = this.#byPid.keys();
    if (this.#byPid.size > CONTESTED_MAX && oldest !== undefined) this.#byPid.delete(oldest);
  }

  [Symbol.iterator](): Iterator<Claim> {
    return this.#byPid.values();
  }

  /** The claim for a pid, which is decided now. */
  take(pid: Pid): Claim | undefined {
    const claim = this.#byPid.get(pid);
    if (claim) this.#byPid.delete(pid);
    return claim;
  }
}
