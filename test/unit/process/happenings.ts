/** Forks, execs and exits in any order, for a kernel model to play. */
import fc from 'fast-check';
import type { Pid } from '../../../src/collect/event.ts';
import { KernelModel } from './kernel_model.ts';

/** The next event, and its living process; pids come from a small pool, so that they are reused soon. */
export const happening = fc.record({
  what: fc.constantFrom('fork', 'fork', 'exec', 'exec', 'exit', 'clone parent'),
  who: fc.nat(),
  pid: fc.integer({ min: 2, max: 12 }),
});

export interface Happening {
  readonly what: string;
  readonly who: number;
  readonly pid: number;
}

/** Plays the events that are possible: dead processes do nothing, and a pid belongs to one process at a time. */
export function play(kernel: KernelModel, happenings: readonly Happening[]): void {
  for (const { what, who, pid } of happenings) {
    const living = kernel.alive;
    const actor = living[who % living.length] as number;
    const free = !kernel.processes.get(pid)?.alive;
    if (what === 'exec' && actor !== 1) kernel.exec(actor, `image ${kernel.bootMs}`);
    else if (what === 'exit' && actor !== 1) kernel.exit(actor);
    else if (what === 'fork' && free) kernel.fork(actor, pid);
    // The connector cannot determine the image of a child of a cloned sibling that never executes.
    else if (what === 'clone parent' && free && actor !== 1) {
      kernel.fork(actor, pid, { cloneParent: true });
      kernel.exec(pid, `image ${kernel.bootMs}`);
    }
  }
}

/** The same with sessions and groups. As in the kernel, a number is reused when no session or group has it any more. */
export function playSessions(kernel: KernelModel, happenings: readonly Happening[], pids: number): void {
  for (const [n, { what, who, pid: choice }] of happenings.entries()) {
    const living = kernel.alive;
    const actor = living[who % living.length] as number;
    const self = kernel.processes.get(actor);
    const pid = 20 + (n % pids);
    const users = living.map((one) => kernel.processes.get(one));
    const isFree = !users.some((one) => one?.pid === pid || one?.sid === pid || one?.pgid === pid);
    if (what === 'fork' || actor === 1) {
      if (isFree) kernel.fork(actor, pid);
    } else if (what === 'exec') kernel.exec(actor, `image ${kernel.bootMs}`);
    else if (what === 'exit') kernel.exit(actor);
    else if (choice < 5 && self?.pgid !== actor) kernel.setsid(actor);
    else if (self?.sid !== actor) {
      const peers = living.filter((pid) => kernel.processes.get(pid)?.sid === self?.sid);
      kernel.setpgid(
        actor,
        choice < 9 ? actor : (kernel.processes.get(peers[choice % peers.length] ?? actor)?.pgid ?? 1),
      );
    }
  }
}

/** 10 is forked, executes, makes its own session, executes again and ends. */
export function oneLife(): KernelModel {
  const kernel = new KernelModel();
  kernel.fork(1, 10);
  kernel.exec(10, 'setsid');
  const { bootMs, unixMs } = kernel.fork(10, 11);
  kernel.tell({ kind: 'setsid', origin: 'proc_events', pid: 10 as Pid, bootMs, unixMs });
  kernel.exec(10, 'sleep');
  kernel.exit(10, 9);
  return kernel;
}

/** Its rows, with their sessions. */
export const LIFE = [
  ['fork', 1],
  ['exec', 1],
  ['setsid', 10],
  ['exec', 10],
  ['exit', 10],
];
