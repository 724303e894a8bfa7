/**
 * The stored facts about the processes, credentials and host of an event, as JSON. Ancestors, leaders and ECS documents are
 * made from them when a row is read.
 */

/** A process by its identity: entity id, pid, and start in hundredths of Unix seconds. */
export type ProcessRef = readonly [entityId: string, pid: number, start: number];

/** The kernel allows 65,536 (man 2 setgroups). */
export const SUPPLEMENTAL_GROUPS_MAX = 256;

/** The user and group ids of a process. Unknown ids and names are left out. */
export interface CredentialFacts {
  readonly uid?: number | undefined;
  readonly euid?: number | undefined;
  readonly suid?: number | undefined;
  readonly gid?: number | undefined;
  readonly egid?: number | undefined;
  readonly sgid?: number | undefined;
  /** Supplemental groups: the first SUPPLEMENTAL_GROUPS_MAX. */
  readonly groups?: readonly number[] | undefined;
  /** Names of the users and groups above, by id, at the time of the recording. */
  readonly userNames?: Readonly<Record<string, string>> | undefined;
  readonly groupNames?: Readonly<Record<string, string>> | undefined;
}

/** Characters of arguments for all previous images of an event together, divided equally. */
export const PREVIOUS_ARGS_MAX = 4096;

/** A known image that a process ran before the image of the event. */
export interface PreviousImageFacts {
  readonly path: string;
  /** Separated by NUL. Its part of PREVIOUS_ARGS_MAX, plus one character if there are more. */
  readonly args: string;
  readonly argsCount?: number | undefined;
}

/** A process that is an ancestor or a leader, with its image at that time. */
export interface AncestorFacts {
  readonly entityId: string;
  readonly pid: number;
  /** Pid of its creator, or the parent in the kernel if the creator is unknown. */
  readonly ppid: number;
  /** Start of its creator in hundredths of Unix seconds; 0 if unknown. */
  readonly creatorStart: number;
  /** In hundredths of Unix seconds. */
  readonly start: number;
  /** The program's file name. */
  readonly name: string;
  readonly path: string;
  /** Root directory of `path`: see ExecDetails. '' if unknown. */
  readonly root: string;
  /** Whether only root could have written the file; undefined if unknown. */
  readonly rootOwned?: boolean | undefined;
  /** Separated by NUL; at most IMAGE_ARGS_MAX characters. */
  readonly args: string;
  readonly argsCount?: number | undefined;
  /** Longest command line in rows, in characters (process_ancestry_ancestor_cmdline_max at that time). */
  readonly cmdlineMax: number;
  readonly cwd: string;
  /** '' for none. */
  readonly tty: string;
  /** Control group; '' if unknown. Undefined if it is that of its creator, and in facts of earlier versions. */
  readonly cgroup?: string | undefined;
  /** Whether its image is known. */
  readonly known: boolean;
  readonly credentials: CredentialFacts;
  readonly groupLeader?: ProcessRef | undefined;
  readonly sessionLeader?: ProcessRef | undefined;
  /** For a row of 0.1.0: the stored object of the column ancestry. */
  readonly ancestor?: string | undefined;
}
