/**
 * A family tree as it is drawn, printed by `tree --json` and carried by the page. Names are those of the tables' columns;
 * times are Unix seconds; null is what nobody knows.
 */

export interface TreeDocument {
  readonly format: 1;
  /** Of the program that made it. */
  readonly version: string;
  readonly host: string;
  readonly boot_time: number | null;
  /** When it was asked for. */
  readonly taken_time: number;
  /** `extension`: what the running extension remembers; `log`: a recorded audit log; `proc`: only what lives now. */
  readonly source: 'extension' | 'log' | 'proc';
  /** The socket or the file that was read. */
  readonly source_name: string;
  /** Parents come before their children, siblings by their start. */
  readonly processes: readonly TreeProcess[];
  readonly sessions: readonly TreeSession[];
}

export interface TreeProcess {
  readonly entity_id: string;
  readonly pid: number;
  /** '' at the top, and where nobody knows. */
  readonly parent_entity_id: string;
  /** 0 at the top; the parent is the nearest one before this whose depth is one less. */
  readonly depth: number;
  /** `unknown` in a recorded log, which seldom tells the end of a process. */
  readonly state: 'running' | 'exited' | 'unknown';
  readonly start_time: number | null;
  readonly exit_time: number | null;
  readonly exit_code: number | null;
  /** SIGKILL and the like; '' where none ended it. */
  readonly exit_signal: string;
  readonly auid: number | null;
  readonly uid: number | null;
  readonly euid: number | null;
  /** Name of `uid`, or the number. */
  readonly user: string;
  readonly sid: number | null;
  readonly tty: string;
  readonly entry_type: string;
  readonly entry_source_ip: string;
  /** Index in `sessions`. */
  readonly session: number;
  /** What it executed, one after the other; the last is what it runs now. Never empty. */
  readonly images: readonly TreeImage[];
}

export interface TreeImage {
  /** Of the exec; null where none was seen. */
  readonly time: number | null;
  /** The creator's, with which the process was forked: it has not executed anything. */
  readonly inherited: boolean;
  readonly path: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly user: string;
  readonly euser: string;
}

/**
 * How processes belong together: the entries of the events, `service` for what init started, and `tty` for what got a
 * terminal inside of something else, as in tmux.
 */
export type SessionKind =
  | 'init'
  | 'kthread'
  | 'service'
  | 'sshd'
  | 'ssm'
  | 'container'
  | 'terminal'
  | 'console'
  | 'tty'
  | 'unknown';

export interface TreeSession {
  readonly kind: SessionKind;
  /** Of the process that it begins with. */
  readonly entity_id: string;
  readonly pid: number;
  /** What that process runs, by its file name. */
  readonly name: string;
  readonly user: string;
  readonly tty: string;
  readonly source_ip: string;
  readonly from_time: number | null;
  readonly to_time: number | null;
  readonly processes: number;
  readonly running: number;
  readonly failed: number;
}

/** Whether it ended by a signal or with a code other than 0. */
export function hasFailed({ exit_code }: Pick<TreeProcess, 'exit_code'>): boolean {
  return exit_code !== null && exit_code !== 0;
}

/** What it runs, or ran last. */
export function lastImage({ images }: Pick<TreeProcess, 'images'>): TreeImage {
  const image = images.at(-1);
  if (!image) throw new Error('a process without an image');
  return image;
}

/** By which an image goes: its file's name, for want of that what it was called by. */
export function imageName({ path, args }: Pick<TreeImage, 'path' | 'args'>): string {
  const file = path.slice(path.lastIndexOf('/') + 1);
  return file || (args[0] ?? '').split(' ', 1)[0] || '?';
}
