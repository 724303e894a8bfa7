/**
 * The stored facts of an event, as a line of JSON. Command line, ancestors and documents are made from them when the row is read.
 * Facts that rows share (creators, leaders, credentials, host) are stored once, and a line has their ids: see shared_facts.ts.
 */
import type { ExecDetails } from '../../collect/event.ts';
import { NO_DETAILS } from '../../collect/event.ts';
import { traitBits } from '../../process/exec_traits.ts';
import type { PublishedEvent } from '../../process/tree.ts';

/** Version of the line format. Lines of earlier versions stay readable. */
export const FACTS_VERSION = 1;

/**
 * The index of each fact in a line, which is a JSON array. null means unknown. A new fact goes to the end: it is undefined in older
 * lines.
 */
export const FACT = {
  eid: 0,
  /** Unix milliseconds. */
  timeMs: 1,
  /** Milliseconds since boot; null in a recorded log, which has no boot time. */
  bootMs: 2,
  /** Separated by commas. */
  action: 3,
  pid: 4,
  parent: 5,
  /** Start of the process, in hundredths of Unix seconds. */
  start: 6,
  entityId: 7,
  endMs: 8,
  /** In the form of wait(2). */
  exitStatus: 9,
  sid: 10,
  pgid: 11,
  pidNamespace: 12,
  /** 1 if it is known what was executed. */
  known: 13,
  auid: 14,
  uid: 15,
  euid: 16,
  suid: 17,
  fsuid: 18,
  gid: 19,
  egid: 20,
  sgid: 21,
  fsgid: 22,
  mode: 23,
  ownerUid: 24,
  ownerGid: 25,
  atime: 26,
  mtime: 27,
  ctime: 28,
  btime: 29,
  /** Number of ancestors in the row. */
  depth: 30,
  truncated: 31,
  complete: 32,
  /** Separated by NUL. */
  args: 33,
  argsCount: 34,
  /** Bytes of the arguments before they were cut; 0 if equal to `args`. */
  argsBytes: 35,
  argsCut: 36,
  path: 37,
  comm: 38,
  root: 39,
  cwd: 40,
  tty: 41,
  syscall: 42,
  entryType: 43,
  entryAddress: 44,
  sha256: 45,
  cgroup: 46,
  /** Ids of shared facts. */
  creator: 47,
  groupLeader: 48,
  sessionLeader: 49,
  entryLeader: 50,
  credentials: 51,
  previous: 52,
  host: 53,
  // Rows of unreleased versions have another number at 54.
  /** For rows of 0.1.0: the command line of the creator, if it was longer than its stored arguments. */
  parentCmdline: 55,
  /** For an exec: see exec_traits.ts. */
  traits: 56,
  /** For an exec: the recorded environment variables, separated by NUL. */
  env: 57,
  envCount: 58,
  envBytes: 59,
  /** For a setid: the id of the shared credentials before it. */
  credentialsBefore: 60,
  /** Id of shared facts. */
  container: 61,
} as const;

/** A stored row cannot be read: another program has changed the file, or the disk has an error. */
export class DamagedRowError extends Error {
  override readonly name = 'DamagedRowError';
}

/** @throws {DamagedRowError} */
export function factsOf(line: string): EventFacts {
  try {
    const facts: unknown = JSON.parse(line);
    if (Array.isArray(facts)) return facts as EventFacts;
  } catch {
    // Thrown below.
  }
  throw new DamagedRowError('a row of the database is malformed');
}

export type FactName = keyof typeof FACT;
export type FactIndex = (typeof FACT)[FactName];
export type FactValue = string | number | null | undefined;
export type EventFacts = readonly FactValue[];

/** Used as the id of previous images if the only one is the image of the creator. */
export const CREATORS_IMAGE_ID = 0;

/** Ids of the shared facts of a row; null for none. */
export interface SharedIds {
  creator: number | null;
  groupLeader: number | null;
  sessionLeader: number | null;
  entryLeader: number | null;
  credentials: number | null;
  credentialsBefore: number | null;
  previous: number | null;
  host: number | null;
  container: number | null;
}

/** A line with its sizes. */
interface EventLine {
  readonly text: string;
  readonly bytes: number;
  /** It was cut because the row was too large for the database. */
  readonly isCut: boolean;
}

/** Makes the line of an event. Drops the environment and cuts the arguments if the line exceeds `maxBytes`. */
export function lineOf(eid: number, exec: PublishedEvent, shared: SharedIds, maxBytes: number): EventLine {
  const { details = NO_DETAILS } = exec;
  const { environment } = details;
  let { args } = details;
  for (let isCut = false; ; isCut = true) {
    const text = textOf(eid, exec, details, shared, args, isCut);
    const bytes = Buffer.byteLength(text);
    if (bytes <= maxBytes || (args === '' && (isCut || environment === ''))) return { text, bytes, isCut };
    args = args.slice(0, Math.floor(args.length * Math.min(maxBytes / bytes, 0.9)));
  }
}

function textOf(
  eid: number,
  exec: PublishedEvent,
  details: ExecDetails,
  shared: SharedIds,
  args: string,
  isCut: boolean,
): string {
  const { unixMs, bootMs, actions, process, ancestry } = exec;
  const isExec = actions.includes('exec');
  const lacksEnvironment = isCut && details.environment !== '';
  return JSON.stringify([
    eid,
    Math.floor(unixMs),
    bootMs === unixMs ? null : Math.floor(bootMs),
    actions.length === 1 ? actions[0] : actions.join(),
    process.pid,
    exec.ppid,
    process.startUnixHundredths,
    exec.entityId,
    exec.endUnixMs === undefined ? null : Math.floor(exec.endUnixMs),
    exec.exitStatus,
    exec.sid,
    exec.pgid,
    exec.pidNamespace,
    exec.details ? 1 : 0,
    details.auid,
    details.uid,
    details.euid,
    details.suid,
    details.fsuid,
    details.gid,
    details.egid,
    details.sgid,
    details.fsgid,
    details.mode,
    details.ownerUid,
    details.ownerGid,
    details.atime,
    details.mtime,
    details.ctime,
    details.btime,
    ancestry.depth,
    ancestry.truncated ? 1 : 0,
    ancestry.complete ? 1 : 0,
    args,
    details.argsCount,
    isCut && details.argsBytes === 0 ? Buffer.byteLength(details.args) : details.argsBytes,
    details.argsCut || args !== details.args ? 1 : 0,
    details.path,
    // Only a process without a path needs it: a kernel thread.
    details.path === '' ? details.comm : '',
    details.root,
    details.cwd,
    details.tty,
    // Only for an exec: other events inherit the image, but not the call.
    isExec ? details.syscall : '',
    exec.entry.type,
    exec.entryAddress,
    exec.sha256,
    exec.cgroup,
    shared.creator,
    shared.groupLeader,
    shared.sessionLeader,
    shared.entryLeader,
    shared.credentials,
    shared.previous,
    shared.host,
    // 54, and parentCmdline
    null,
    null,
    isExec && exec.details ? traitBits(details, details.environmentCut || lacksEnvironment) : null,
    isExec && !lacksEnvironment ? details.environment : '',
    isExec ? details.envCount : null,
    isExec ? details.envBytes : null,
    shared.credentialsBefore,
    shared.container,
  ]);
}
