/**
 * The process tree: input of the drawing and the page, and output of `tree --json`. Names are those of the tables'
 * columns; times are Unix seconds; null means unknown.
 */

export interface TreeDocument {
  readonly format: 1;
  /** Version of the program that made the document. */
  readonly version: string;
  readonly host: string;
  readonly boot_time: number | null;
  /** Time of the command. */
  readonly taken_time: number;
  /** `extension`: the running extension; `log`: a recorded audit log; `proc`: only running processes, from /proc. */
  readonly source: 'extension' | 'log' | 'proc';
  /** Path of the socket or file that was read. */
  readonly source_name: string;
  /** Parents before children, siblings in order of start. */
  readonly processes: readonly TreeProcess[];
  readonly sessions: readonly TreeSession[];
}

export interface TreeProcess {
  readonly entity_id: string;
  readonly pid: number;
  /** '' at the top, and when unknown. */
  readonly parent_entity_id: string;
  /** 0 at the top. The parent is the nearest earlier process with a depth of one less. */
  readonly depth: number;
  /** `unknown` in a recorded log, which often lacks the end of a process. */
  readonly state: 'running' | 'exited' | 'unknown';
  readonly start_time: number | null;
  readonly exit_time: number | null;
  readonly exit_code: number | null;
  /** Signal that ended the process, such as SIGKILL; '' for none. */
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
  /** Images in order; the last is the current one. Never empty. */
  readonly images: readonly TreeImage[];
}

export interface TreeImage {
  /** Time of the exec; null when no exec was recorded. */
  readonly time: number | null;
  /** Image of the parent at the fork: the process has not executed a program. */
  readonly inherited: boolean;
  readonly path: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly user: string;
  readonly euser: string;
}

/**
 * Kinds of sessions: the entry types of events, `service` for a service of init, and `tty` for a terminal inside another
 * session, as in tmux.
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
  /** Entity id of the first process. */
  readonly entity_id: string;
  readonly pid: number;
  /** File name of its program. */
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

/** Whether the process ended with a signal or a code other than 0. */
export function hasFailed({ exit_code }: Pick<TreeProcess, 'exit_code'>): boolean {
  return exit_code !== null && exit_code !== 0;
}

/** Current or last image. */
export function lastImage({ images }: Pick<TreeProcess, 'images'>): TreeImage {
  const image = images.at(-1);
  if (!image) throw new Error('a process without an image');
  return image;
}

/** Name of an image: its file name; if unknown, its first argument. */
export function imageName({ path, args }: Pick<TreeImage, 'path' | 'args'>): string {
  const file = path.slice(path.lastIndexOf('/') + 1);
  return file || (args[0] ?? '').split(' ', 1)[0] || '?';
}
