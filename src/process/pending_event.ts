/** Events that are not published yet. */
import type { ExecDetails, SetidEvent } from '../collect/event.ts';
import type { Image } from './image.ts';
import type { Group, Process, ProcessAtFork } from './process.ts';

/** What happened to a process. `existing`: the process existed before the recording started. */
export type Action = 'exec' | 'fork' | 'setsid' | 'setid' | 'exit' | 'existing';

export interface Moment {
  readonly bootMs: number;
  readonly unixMs: number;
}

/** An event of a process that waits to be published. */
export class PendingEvent {
  readonly action: Action;
  /** Its position among all events. */
  order = 0;
  readonly process: Process;
  /** The process with its image and session at that time. */
  readonly atFork: ProcessAtFork;
  readonly image: Image;
  /** The session leader at that time. */
  readonly sessionLeader: ProcessAtFork | undefined;
  readonly group: Group | undefined;
  /** The group leader at that time. */
  readonly groupLeader: ProcessAtFork | undefined;
  readonly bootMs: number;
  /** When it happened, in Unix ms. */
  readonly unixMs: number;
  /** For an exec; undefined if unknown. */
  readonly details: ExecDetails | undefined;
  /** For a setid: the ids before and after it. */
  ids: SetidEvent | undefined = undefined;
  /** Control group; '' if unknown. */
  cgroup = '';
  /** Whether no event before it was lost, up to the last resync. */
  isCertain = true;
  /** The images before `image`. */
  readonly previous: readonly Image[];
  /** When the tree received it, in ms of the tree's clock. */
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

  /** Whether the process has lost the terminal that it had at the exec. */
  get hasLostTerminal(): boolean {
    if (this.atFork.leftTerminal) return true;
    // When a session leader exits, its whole session loses the terminal (drivers/tty/tty_jobctrl.c, disassociate_ctty).
    const leader = this.sessionLeader?.process;
    const end = leader === this.process ? undefined : leader?.exit?.bootMs;
    return end !== undefined && end > 0 && end <= this.bootMs;
  }

  #atForkOf(group: Group | undefined): ProcessAtFork | undefined {
    const leader = group?.leader;
    return leader === this.process ? this.atFork : leader?.atFork;
  }
}
