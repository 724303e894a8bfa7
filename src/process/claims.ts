/**
 * A claim is a fork whose child pid is the return value of clone (R9). The pid is of the caller's pid namespace, which may not
 * be the initial one. A claim is believed once an event of the child itself names the caller as its parent: the pid and the
 * parent pid of such an event are always of the initial namespace. After that, further claims of the same caller are believed
 * at once.
 */
import type { ForkEvent, Pid } from '../collect/event.ts';
import { isKernelPid } from '../linux/kernel_pids.ts';
import type { Claim, Process } from './process.ts';

export function claimOf(event: ForkEvent, creator: Process, forker: Process): Claim {
  const { session, group, leftTerminal } = forker;
  return { event, creator: creator.atFork, forker: forker.atFork, session, group, leftTerminal };
}

/**
 * Whether clone probably returns pids of the initial namespace to this process. A process that never executed, such as the
 * intermediate process of a daemon's double fork, has no record of its own: its creator decides.
 */
export function likelyCountsInitially(process: Process): boolean {
  let counting: Process | undefined = process;
  while (counting && !counting.countsInitially) {
    const isFork: boolean = counting.execUnixMs === 0 && !counting.hasExecuted;
    counting = isFork ? counting.creator?.process : undefined;
  }
  return counting !== undefined;
}

export function isImpossible({ event }: Claim): boolean {
  return isKernelPid(event.pid);
}

/** Claims that are kept for pids of living processes. */
const CONTESTED_MAX = 1024;

/** Claims for pids that belong to another known process. That process does not change until the claim is believed. */
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

  /** Removes and returns the claim for a pid. */
  take(pid: Pid): Claim | undefined {
    const claim = this.#byPid.get(pid);
    if (claim) this.#byPid.delete(pid);
    return claim;
  }
}
