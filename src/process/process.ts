/** A process, and what its children remember of it. */
import type { ForkEvent, Pid } from '../collect/event.ts';
import type { Image } from './image.ts';

/**
 * What is known of where a process came from:
 * `known` its creator is at hand; `likely` its creator is the parent that it had when it executed, for want of better;
 * `top` it has none (pid 1, the kernel's own); `awaited` it was discovered before the event that tells; `unknown` nobody can
 * tell any more; `cut` it has one, which was let go because the chain is too long.
 */
type CreatorState = 'known' | 'likely' | 'top' | 'awaited' | 'unknown' | 'cut';

/** How a process was discovered: `event` its fork was seen, `procfs` it was read from /proc, `implied` something named it. */
type DiscoveredBy = 'event' | 'procfs' | 'implied';

/**
 * A process with the image that it was running when it forked: what its child remembers of it (R3, R4). What rows tell of
 * it is recorded once everything above is settled.
 */
export class ProcessAtFork {
  readonly process: Process;
  readonly image: Image;
  readonly session: Group | undefined;
  /** It, or who forked it, has left the session in which the image was executed, and with it the image's terminal. */
  readonly leftTerminal: boolean;
  recorded: AncestorRecord | undefined;
  /** The cache of entry.ts. */
  entry: Entry | undefined;

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
}

/** A session or a process group (man 2 setsid, setpgid): a number, and the process that leads, also when it has died. */
export interface Group {
  readonly id: number;
  /** Undefined where it was gone before it could be looked at. */
  readonly leader: Process | undefined;
}

/** A fork that is not believed yet, with the creator as it was then. */
export interface Claim {
  readonly event: ForkEvent;
  readonly creator: ProcessAtFork;
  /** Whose image and session the child inherits. */
  readonly forker: ProcessAtFork;
  readonly session: Group | undefined;
  readonly group: Group | undefined;
  readonly leftTerminal: boolean;
}

export type EntryType = 'init' | 'kthread' | 'sshd' | 'ssm' | 'container' | 'terminal' | 'console' | 'unknown';

/** By what it came into the host: see entry.ts. */
export interface Entry {
  readonly type: EntryType;
  /** The process by which it came in, with the image that it ran then; undefined for pid 1, the kernel's threads and unknown. */
  readonly leader: ProcessAtFork | undefined;
}

/** What rows tell of an ancestor or a leader, with those above it. Identity counts: the same object is stored once. */
export interface AncestorRecord {
  readonly entityId: string;
  /** The facts as JSON (AncestorFacts), made at each call; `argsMax` cuts the arguments to so many characters. */
  readonly json: (argsMax?: number) => string;
  /** Its creator. Looked up each time: of a chain that grows for ever the top is let go. */
  readonly above: AncestorRecord | undefined;
  /** How many there are, this one included. */
  readonly depth: number;
  /** What all of them take in the column ancestry, in bytes, about. */
  readonly bytes: number;
  /** The top is reached, and every image is known. */
  readonly complete: boolean;
  /** The topmost has a creator that was let go. */
  readonly cut: boolean;
  /** Of the names of users and groups that it was recorded with. */
  readonly revision: number;
}

/** So many images of one process are remembered: the one that it was forked with, and the last ones. */
const IMAGES_KEPT = 8;

/** A chain longer than this is cut there, or a process that forks itself on and on would hold all of them. */
export const LONGEST_CHAIN = 1024;

export class Process {
  readonly pid: Pid;
  readonly discoveredBy: DiscoveredBy;
  /** Its start as the kernel keeps it, CLOCK_BOOTTIME in milliseconds; undefined where no event told it. */
  readonly startMs: number | undefined;
  /** Clock ticks since boot. A fork's event may come just after it: see `startSlackTicks`. */
  startTicks: number;
  /** How many ticks earlier or later the kernel's own value may be, until it was looked up. */
  startSlackTicks: readonly [earlier: number, later: number];
  /** Unix time at boot, in hundredths of a second, when the process was discovered; 0 in a replay. */
  readonly bootUnixHundredths: number;
  /** Which of the processes with this pid and this very start it is: 0 for nearly all. */
  readonly sameTickIndex: number;
  image: Image;
  creator: ProcessAtFork | undefined = undefined;
  #creatorState: CreatorState = 'awaited';
  #toCall: (() => void)[] | undefined;
  /** Whom to take for the creator when no event tells. */
  likelyCreator: ProcessAtFork | undefined = undefined;
  /** Whether its fork was seen, and its creator is certain to have called it: not another in its name, with CLONE_PARENT. */
  isForkedByCreator = false;
  /** Who may have created it: see claims.ts. */
  claim: Claim | undefined = undefined;
  /** Whether the numbers that it is given for its children are known to be those of the initial pid namespace. */
  countsInitially = false;
  /** The kernel's parent as last heard of. */
  ppid: number;
  /** How many ancestors it has, as far as known. */
  depth = 0;
  pidNamespace: number | undefined = undefined;
  /** As pidNamespace: an inode number, inherited at a fork. */
  userNamespace: number | undefined = undefined;
  session: Group | undefined = undefined;
  /** See ProcessAtFork. */
  leftTerminal = false;
  group: Group | undefined = undefined;
  /** Control group; '' where nobody knows. */
  cgroup = '';
  /** It may have been moved out of its creator's control group, to one that is unknown. */
  hasLeftCgroup = false;
  /** Undefined where nobody knows. */
  supplementalGroups: readonly number[] | undefined = undefined;
  /** What it ran before its present image, from the one that it was forked with on; at most IMAGES_KEPT. */
  previous: readonly Image[] = [];
  /** Whether /proc showed that its image is not the one that it was forked with. */
  hasExecuted = false;
  /** Unix ms of the exec that brought the present image; 0 before the first. */
  execUnixMs = 0;
  /** The same by CLOCK_BOOTTIME. */
  execBootMs = 0;
  exit: { readonly bootMs: number; readonly status: number | undefined } | undefined = undefined;
  entityId: string | undefined = undefined;
  /** Whether rows tell of it as of somebody's creator or leader. */
  isTold = false;
  /** Whether others may refer to it: as their creator, or as the leader of their session or group. */
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

  /** What children that are forked now remember; the same object for as long as image and session stay. */
  get atFork(): ProcessAtFork {
    let atFork = this.#atFork;
    if (!atFork || atFork.image !== this.image || atFork.session !== this.session) {
      atFork = new ProcessAtFork(this, this.image, this.session, this.leftTerminal);
      this.#atFork = atFork;
    }
    return atFork;
  }

  /** Takes the image that it was forked with, where that is told after others have asked for it. */
  inheritImage(image: Image): void {
    if (this.#atFork) this.image.follow(image);
    else this.image = image;
  }

  /** Start in hundredths of Unix seconds. It is final once the process has an entity id (ProcessTable.startOf). */
  get startUnixHundredths(): number {
    return this.bootUnixHundredths + this.startTicks;
  }

  /** Takes another image by exec, and remembers the one before: at first that which it was forked with. */
  execute(image: Image, at: { readonly unixMs: number; readonly bootMs: number }): void {
    const [first] = this.previous;
    this.previous = first ? [first, ...this.previous.slice(1).slice(2 - IMAGES_KEPT), this.image] : this.image.alone;
    this.image = image;
    this.leftTerminal = false;
    this.execUnixMs = at.unixMs;
    this.execBootMs = at.bootMs;
  }

  /** Remembers only its last image beside the present one. */
  forgetPrevious(): void {
    if (this.previous.length > 1) this.previous = this.previous.slice(-1);
  }

  /** It leads a session of its own from now on, and the group of the same number. */
  lead(): void {
    this.session = { id: this.pid, leader: this };
    // A new session has no terminal (man 2 setsid).
    this.leftTerminal = true;
    this.group = this.session;
  }

  /**
   * Records who created it. Refuses what would close a circle (R12), which only contradictory input can ask for, and
   * then answers false.
   */
  setCreator(creator: ProcessAtFork): boolean {
    for (let above: ProcessAtFork | undefined = creator; above; above = above.process.creator) {
      if (above.process === this) return false;
    }
    this.attachCreator(creator);
    return true;
  }

  /** Like setCreator, for a process that was only now made: nobody can be its descendant. */
  attachCreator(creator: ProcessAtFork): void {
    this.creator = creator;
    creator.process.isReferredTo = true;
    this.creatorState = 'known';
    this.likelyCreator = undefined;
    this.depth = creator.process.depth + 1;
    this.ppid = creator.process.pid;
    if (this.depth >= LONGEST_CHAIN && this.depth % LONGEST_CHAIN === 0) this.#cutChain();
  }

  /** Lets go of the ancestors beyond the longest chain. */
  #cutChain(): void {
    let last: Process = this;
    for (let n = 0; n < LONGEST_CHAIN; n++) {
      const above = last.creator?.process;
      if (!above) return;
      last = above;
    }
    const leaders = [last.session?.leader, last.#atFork?.session?.leader, last.group?.leader];
    // A leader that is itself so deep would hold what lies above it.
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
