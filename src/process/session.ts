import type { Process } from './process.ts';

/** A session or a process group (man 2 setsid, setpgid): a number, and the process that leads, also when it has died. */
export interface Group {
  readonly id: number;
  /** Undefined where it was gone before it could be looked at. */
  readonly leader: Process | undefined;
}
