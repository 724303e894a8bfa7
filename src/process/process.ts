/** A process, and the state of it that its children keep. */
import type { ForkEvent, Pid } from '../collect/event.ts';
import type { Image } from './image.ts';

/**
 * What is known about the creator of a process:
 * `known`: the creator is known. `likely`: no event reported the creator, and the parent at the exec is used instead.
 * `top`: the process has no creator (pid 1, kernel threads). `awaited`: the process was discovered before its fork event.
 * `unknown`: the creator will never be known. `cut`: the creator was removed because the chain is too long.
 */
type CreatorState = 'known' | 'likely' | 'top' | 'awaited' | 'unknown' | 'cut';

/** How a process was discovered: `event` by its fork, `procfs` in /proc, `implied` by another event that names it. */
type DiscoveredBy = 'event' | 'procfs' | 'implied';

/**
 * A process with the image and the session that it had at a fork (R3, R4). Its ancestor record is made once all its ancestors
 * are settled.
 */
export class ProcessAtFork {
  readonly process: Process;
  readonly image: Image;
  readonly session: Group | undefined;
  /** The process (or its forker) has left the session of the exec, and so the terminal of the image. */
  readonly leftTerminal: boolean;
  recorded: AncestorRecord | undefined;
  /** The cache of entry.ts. */
  entry: Entry | undefined;
  /** The cache of ignore.ts. */
  ignoreMarks: IgnoreMarks | undefined;

  constructor(process: Process, image: Image, session: Group | undefined, leftTerminal: boolean) {
    this.process = process;
    this.image = image;
    this.session = session;
    this.leftTerminal = leftTerminal;
  }

  /** The controlling terminal; '' for none. */
  get tty(): string {
    return this.leftTerminal ? '' : this.image.details.tty;
  }

  /** The control group at the exec of its image; '' if unknown. */
  get cgroup(): string {
    return this.image.details.cgroup || this.process.cgroup;
  }
}

/** A session or a process group (man 2 setsid, setpgid): its number, and its leader even after the leader's exit. */
export interface Group {
  readonly id: number;
  /** Undefined if the leader is unknown. */
  readonly leader: Process | undefined;
}

/** A fork that is not believed yet, with the state of the creator at that time. See claims.ts. */
export interface Claim {
  readonly event: ForkEvent;
  readonly creator: ProcessAtFork;
  /** The process that called fork: the child inherits its image and session. */
  readonly forker: ProcessAtFork;
  readonly session: Group | undefined;
  readonly group: Group | undefined;
  readonly leftTerminal: boolean;
}

export type EntryType = 'init' | 'kthread' | 'sshd' | 'ssm' | 'container' | 'terminal' | 'console' | 'unknown';

/** How the process came into the host: see entry.ts. */
export interface Entry {
  readonly type: EntryType;
  /** The entry leader, with its image at that time; undefined for pid 1, kernel threads and unknown. */
  readonly leader: ProcessAtFork | undefined;
}

/**
 * What a set of rules says of a process and its ancestors, for the rows of its descendants (ignore.ts). Most processes share it with
 * their creator.
 */
export interface IgnoreMarks {
  /** The set of rules. */
  readonly rules: object;
  /** The rule that ignores the process and its descendants. */
  readonly subtreeOf: { ignored: number } | undefined;
  /** Keys of the ancestor_path that the path of the process or of an ancestor matches. */
  readonly paths: ReadonlySet<string>;
}

/** The facts that rows have about an ancestor or a leader. The same object is stored once. */
export interface AncestorRecord {
  readonly entityId: string;
  /** The facts as JSON (AncestorFacts), made at each call. `argsMax` limits the arguments, in characters. */
  readonly json: (argsMax?: number) => string;
  /** Its creator, looked up at each call: the top of a chain that is too long is removed. */
  readonly above: AncestorRecord | undefined;
  /** Length of the chain, this record included. */
  readonly depth: number;
  /** The chain reaches the top, and every image is known. */
  readonly complete: boolean;
  /** The creator of the topmost ancestor was removed. */
  readonly cut: boolean;
  /** Revision of the user and group names in the record. */
  readonly revision: number;
}

/** Images that are kept for one process: the image at its fork, and the last ones. */
const IMAGES_KEPT = 8;

/** A longer chain is cut. Otherwise a chain of processes that fork without end would take all memory. */
export const LONGEST_CHAIN = 1024;

export class Process {
  readonly pid: Pid;
  readonly discoveredBy: DiscoveredBy;
  /** Start from the kernel, CLOCK_BOOTTIME in milliseconds; undefined if no event reported it. */
  readonly startMs: number | undefined;
  /** Start in clock ticks since boot. The timestamp of a fork event may be just after the start: see `startSlackTicks`. */
  startTicks: number;
  /** How many ticks earlier or later the value in the kernel may be. */
  startSlackTicks: readonly [earlier: number, later: number];
  /** Unix time at boot, in hundredths of a second, when the process was discovered; 0 in a replay. */
  readonly bootUnixHundredths: number;
  /** Index among the processes with the same pid and the same start: 0 for nearly all. */
  readonly sameTickIndex: number;
  image: Image;
  creator: ProcessAtFork | undefined = undefined;
  #creatorState: CreatorState = 'awaited';
  #toCall: (() => void)[] | undefined;
  /** The creator to use if no event reports one. */
  likelyCreator: ProcessAtFork | undefined = undefined;
  /** Whether the creator certainly called fork itself. With CLONE_PARENT, another process calls fork. */
  isForkedByCreator = false;
  /** Whether a fork event reported the creator, and no event before it was lost: the creator ran this program then. */
  isForkCertain = false;
  /** A fork of this process that is not believed yet: see claims.ts. */
  claim: Claim | undefined = undefined;
  /** Whether clone returns pids of the initial pid namespace to this process. */
  countsInitially = false;
  /** The last known parent in the kernel. */
  ppid: number;
  /** Number of known ancestors. */
  depth = 0;
  pidNamespace: number | undefined = undefined;
  /** An inode number, inherited at a fork, as pidNamespace. */
  userNamespace: number | undefined = undefined;
  session: Group | undefined = undefined;
  /** See ProcessAtFork. */
  leftTerminal = false;
  group: Group | undefined = undefined;
  /** Control group; '' if unknown. */
  cgroup = '';
  /** The process may be in another, unknown control group than its creator. */
  hasLeftCgroup = false;
  /** Undefined if unknown. */
  supplementalGroups: readonly number[] | undefined = undefined;
  /** The images before the present one, starting with the image at its fork; at most IMAGES_KEPT. */
  previous: readonly Image[] = [];
  /** Whether /proc showed that it has executed since its fork. */
  hasExecuted = false;
  /** Unix ms of the last exec; 0 before the first. */
  execUnixMs = 0;
  /** The same by CLOCK_BOOTTIME. */
  execBootMs = 0;
  exit: { readonly bootMs: number; readonly status: number | undefined } | undefined = undefined;
  entityId: string | undefined = undefined;
  /** Whether rows contain it as a creator or a leader. */
  isTold = false;
  /** Whether other processes may refer to it as their creator or as the leader of their session or group. */
  isReferredTo = false;
  #atFork: ProcessAtFork | undefined;

  constructor(init: {
    pid: Pid;
    discoveredBy: DiscoveredBy;
    startMs?: number | undefined;
    startTicks: number;
    startSlackTicks: readonly [number, number];
    bootUnixHundredths: number;
    sameTickIndex: number;
    image: Image;
    ppid: number;
  }) {
    this.pid = init.pid;
    this.discoveredBy = init.discoveredBy;
    this.startMs = init.startMs;
    this.startTicks = init.startTicks;
    this.startSlackTicks = init.startSlackTicks;
    this.bootUnixHundredths = init.bootUnixHundredths;
    this.sameTickIndex = init.sameTickIndex;
    this.image = init.image;
    this.ppid = init.ppid;
  }

  get creatorState(): CreatorState {
    return this.#creatorState;
  }

  set creatorState(creatorState: CreatorState) {
    this.#creatorState = creatorState;
    const toCall = this.#toCall ?? [];
    this.#toCall = undefined;
    for (const call of toCall) call();
  }

  /** Calls it once the creator is not awaited any more. */
  whenSettled(call: () => void): void {
    this.#toCall ??= [];
    this.#toCall.push(call);
  }

  /** The state that children forked now keep. The same object while image and session do not change. */
  get atFork(): ProcessAtFork {
    let atFork = this.#atFork;
    if (!atFork || atFork.image !== this.image || atFork.session !== this.session) {
      atFork = new ProcessAtFork(this, this.image, this.session, this.leftTerminal);
      this.#atFork = atFork;
    }
    return atFork;
  }

  /** Sets the image at its fork. The fork may be reported after others have used the pending image. */
  inheritImage(image: Image): void {
    if (this.#atFork) this.image.follow(image);
    else this.image = image;
  }

  /** Start in hundredths of Unix seconds. Final once the process has an entity id (ProcessTable.startOf). */
  get startUnixHundredths(): number {
    return this.bootUnixHundredths + this.startTicks;
  }

  /** Sets the image of an exec, and keeps the previous image. */
  execute(image: Image, at: { readonly unixMs: number; readonly bootMs: number }): void {
    const [first] = this.previous;
    this.previous = first ? [first, ...this.previous.slice(1).slice(2 - IMAGES_KEPT), this.image] : this.image.alone;
    this.image = image;
    this.leftTerminal = false;
    this.execUnixMs = at.unixMs;
    this.execBootMs = at.bootMs;
  }

  /** Keeps only the last of the previous images. */
  forgetPrevious(): void {
    if (this.previous.length > 1) this.previous = this.previous.slice(-1);
  }

  /** The process now leads a new session, and the group with the same number. */
  lead(): void {
    this.session = { id: this.pid, leader: this };
    // A new session has no terminal (man 2 setsid).
    this.leftTerminal = true;
    this.group = this.session;
  }

  /**
   * Sets the creator. Returns false, and changes nothing, if this would make a cycle (R12). Only contradictory events can cause
   * a cycle.
   */
  setCreator(creator: ProcessAtFork): boolean {
    for (let above: ProcessAtFork | undefined = creator; above; above = above.process.creator) {
      if (above.process === this) return false;
    }
    this.attachCreator(creator);
    return true;
  }

  /** Like setCreator, for a new process: it has no descendants, so there can be no cycle. */
  attachCreator(creator: ProcessAtFork): void {
    this.creator = creator;
    creator.process.isReferredTo = true;
    this.creatorState = 'known';
    this.likelyCreator = undefined;
    this.depth = creator.process.depth + 1;
    this.ppid = creator.process.pid;
    if (this.depth >= LONGEST_CHAIN && this.depth % LONGEST_CHAIN === 0) this.#cutChain();
  }

  /** Removes the ancestors beyond LONGEST_CHAIN. */
  #cutChain(): void {
    let last: Process = this;
    for (let n = 0; n < LONGEST_CHAIN; n++) {
      const above = last.creator?.process;
      if (!above) return;
      last = above;
    }
    const leaders = [last.session?.leader, last.#atFork?.session?.leader, last.group?.leader];
    // A leader at such a depth would keep its ancestors in memory.
    for (const one of [last, ...leaders]) if (one && one.depth >= LONGEST_CHAIN) one.#forgetCreator();
  }

  #forgetCreator(): void {
    this.creator = undefined;
    this.creatorState = 'cut';
  }

  setTop(): void {
    this.creator = undefined;
    this.likelyCreator = undefined;
    this.creatorState = 'top';
    this.depth = 0;
  }
}
