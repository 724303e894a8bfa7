/** Events on their way to being published: an exec, or something else that happened to a process. */
import type { ExecDetails } from '../collect/event.ts';
import type { Image } from './image.ts';
import type { Group, Process, ProcessAtFork } from './process.ts';

/** What happened to a process; `existing`: it was there before the recording began. */
export type Action = 'exec' | 'fork' | 'setsid' | 'exit' | 'existing';

export interface Moment {
  readonly bootMs: number;
  readonly unixMs: number;
}

/** Something that happened to a process and is to be published; most of all, an exec. */
export class PendingEvent {
  readonly action: Action;
  /** Its place among all that happened. */
  order = 0;
  readonly process: Process;
  /** The process with image and session as they were then. */
  readonly atFork: ProcessAtFork;
  readonly image: Image;
  /** The session's leader as it was then. */
  readonly sessionLeader: ProcessAtFork | undefined;
  readonly group: Group | undefined;
  /** The group's leader as it was then. */
  readonly groupLeader: ProcessAtFork | undefined;
  readonly bootMs: number;
  /** When it happened, in Unix ms. */
  readonly unixMs: number;
  /** Of an exec; undefined where nothing is known. */
  readonly details: ExecDetails | undefined;
  /** Control group; '' where it is not known. */
  cgroup = '';
  /** What the process ran before `image`. */
  readonly previous: readonly Image[];
  /** When this process heard of it, in ms of the tree's clock. */
  readonly heardMs: number;

  constructor(action: Action, process: Process, at: Moment, heardMs: number, details?: ExecDetails) {
    this.action = action;
    this.process = process;
    this.atFork = process.atFork;
    this.image = process.image;
    this.sessionLeader = this.#atForkOf(process.session);
    this.group = process.group;
    this.groupLeader = this.#atForkOf(process.group);
    this.details = details;
    this.previous = process.previous;
    this.bootMs = at.bootMs;
    this.unixMs = at.unixMs;
    this.heardMs = heardMs;
  }

  /** Whether the terminal at which the image was executed is not the process's any more. */
  get hasLostTerminal(): boolean {
    if (this.atFork.leftTerminal) return true;
    // A leader's end takes the terminal away from all of its session (drivers/tty/tty_jobctrl.c, disassociate_ctty).
    const leader = this.sessionLeader?.process;
    const end = leader === this.process ? undefined : leader?.exit?.bootMs;
    return end !== undefined && end > 0 && end <= this.bootMs;
  }

  #atForkOf(group: Group | undefined): ProcessAtFork | undefined {
    const leader = group?.leader;
    return leader === this.process ? this.atFork : leader?.atFork;
  }
}
