/**
 * What is stored of the processes, credentials and hosts around an event: facts, as JSON. The texts that a reader wants
 * (ancestors, leaders, ECS documents) are made of them when a row is read.
 */

/** A process by its identity: entity id, pid, and start in hundredths of Unix seconds. */
export type ProcessRef = readonly [entityId: string, pid: number, start: number];

/** The kernel allows 65,536 (man 2 setgroups). */
export const SUPPLEMENTAL_GROUPS_MAX = 256;

/** As whom a process ran. An id that is not known is left out, and so is a name. */
export interface CredentialFacts {
  readonly uid?: number | undefined;
  readonly euid?: number | undefined;
  readonly suid?: number | undefined;
  readonly gid?: number | undefined;
  readonly egid?: number | undefined;
  readonly sgid?: number | undefined;
  /** Supplemental groups: the first SUPPLEMENTAL_GROUPS_MAX. */
  readonly groups?: readonly number[] | undefined;
  /** Names of the users and groups above, by id, as they were when the event was recorded. */
  readonly userNames?: Readonly<Record<string, string>> | undefined;
  readonly groupNames?: Readonly<Record<string, string>> | undefined;
}

/** Characters of arguments that are told of all images before the one of an event, in equal parts. */
export const PREVIOUS_ARGS_MAX = 4096;

/** An image that a process ran before the one of the event, where it is known. */
export interface PreviousImageFacts {
  readonly path: string;
  /** Separated by NUL; its part of PREVIOUS_ARGS_MAX, and one character more where it has more. */
  readonly args: string;
  readonly argsCount?: number | undefined;
}

/** A process that created others or leads them, with the image that it ran then. */
export interface AncestorFacts {
  readonly entityId: string;
  readonly pid: number;
  /** Of its creator, or the kernel's parent where no creator is known. */
  readonly ppid: number;
  /** Start of its creator in hundredths of Unix seconds; 0 where that is not known. */
  readonly creatorStart: number;
  /** In hundredths of Unix seconds. */
  readonly start: number;
  /** The program's file name. */
  readonly name: string;
  readonly path: string;
  /** In which `path` is a path: see ExecDetails. '' where it is not known. */
  readonly root: string;
  /** Whether root alone could have written the file; undefined where it is not known. */
  readonly rootOwned?: boolean | undefined;
  /** Separated by NUL; as many as an image keeps (IMAGE_ARGS_MAX). */
  readonly args: string;
  readonly argsCount?: number | undefined;
  /** Characters of its command line that an ancestor shows (process_ancestry_ancestor_cmdline_max then). */
  readonly cmdlineMax: number;
  readonly cwd: string;
  /** '' where it had none. */
  readonly tty: string;
  /** Whether it is known what it ran. */
  readonly known: boolean;
  readonly credentials: CredentialFacts;
  readonly groupLeader?: ProcessRef | undefined;
  readonly sessionLeader?: ProcessRef | undefined;
  /** Of a row of 0.1.0: the object of the column ancestry, as it was stored. */
  readonly ancestor?: string | undefined;
}
