/**
 * The record of a process that is an ancestor or a leader, with its image at that time. It is made when the first row needs
 * it, and shared by all rows. Its JSON is made when it is stored and not kept: a chain and its arguments may be long.
 */
import type { ExecDetails } from '../collect/event.ts';
import type { AncestorFacts, ProcessRef } from './facts.ts';
import type { AncestorRecord, Process, ProcessAtFork } from './process.ts';
import { isRootsFile } from './proof.ts';

interface AncestorRecorderOptions {
  readonly entityIdOf: (process: Process) => string;
  /** JSON of CredentialFacts. */
  readonly credentialsOf: (details: ExecDetails, supplementalGroups: readonly number[] | undefined) => string;
  /** Changes when user or group names change. After that, records are made again. */
  readonly revision: () => number;
}

export class AncestorRecorder {
  readonly #options: AncestorRecorderOptions;
  /** Longest command line of an ancestor, in characters. */
  cmdlineMax: number;
  /** Number of records with texts that were cut to save memory. */
  shortened = 0;

  constructor(cmdlineMax: number, options: AncestorRecorderOptions) {
    this.cmdlineMax = cmdlineMax;
    this.#options = options;
  }

  /** Only for settled processes. */
  record(atFork: ProcessAtFork): AncestorRecord {
    const revision = this.#options.revision();
    if (atFork.recorded?.revision === revision) return atFork.recorded;
    const { creator } = atFork.process;
    const above =
      creator && (creator.recorded?.revision === revision ? creator.recorded : this.#chain(creator, revision));
    atFork.recorded = this.#recordOne(atFork, above, revision);
    return atFork.recorded;
  }

  /** Records a process and its ancestors, from the top down. A loop and no recursion: a chain may be a thousand long. */
  #chain(atFork: ProcessAtFork, revision: number): AncestorRecord | undefined {
    const pending: ProcessAtFork[] = [];
    let one: ProcessAtFork | undefined = atFork;
    for (; one && one.recorded?.revision !== revision; one = one.process.creator) pending.push(one);
    let above = one?.recorded;
    for (let lower = pending.pop(); lower; lower = pending.pop()) {
      above = this.#recordOne(lower, above, revision);
      lower.recorded = above;
    }
    return above;
  }

  #recordOne(atFork: ProcessAtFork, above: AncestorRecord | undefined, revision: number): AncestorRecord {
    if (atFork.image.isShortened) this.shortened++;
    // From now on its creator does not change (see ProcessTable.fork).
    atFork.process.isTold = true;
    return new SettledAncestor(this.#options, atFork, above, { revision, cmdlineMax: this.cmdlineMax });
  }
}

class SettledAncestor implements AncestorRecord {
  readonly entityId: string;
  readonly depth: number;
  readonly complete: boolean;
  readonly cut: boolean;
  readonly revision: number;
  readonly #options: AncestorRecorderOptions;
  readonly #atFork: ProcessAtFork;
  readonly #cmdlineMax: number;

  constructor(
    options: AncestorRecorderOptions,
    atFork: ProcessAtFork,
    above: AncestorRecord | undefined,
    { revision, cmdlineMax }: { revision: number; cmdlineMax: number },
  ) {
    const { process, image } = atFork;
    this.#options = options;
    this.#atFork = atFork;
    this.#cmdlineMax = cmdlineMax;
    this.revision = revision;
    this.entityId = options.entityIdOf(process);
    const isWhole = image.known && process.creatorState !== 'likely';
    if (above) {
      this.depth = above.depth + 1;
      this.complete = above.complete && isWhole;
      this.cut = above.cut;
    } else {
      this.depth = 1;
      this.complete = isWhole && (process.creatorState === 'top' || process.creatorState === 'cut');
      this.cut = process.creatorState === 'cut';
    }
  }

  get above(): AncestorRecord | undefined {
    return this.#atFork.process.creator?.recorded;
  }

  json(argsMax = Number.POSITIVE_INFINITY): string {
    const { process, image, session, tty, cgroup } = this.#atFork;
    const { details } = image;
    const { args } = details;
    const creator = process.creator?.process;
    const isFileKnown = details.mode !== undefined && details.ownerUid !== undefined;
    const facts: Omit<AncestorFacts, 'credentials'> = {
      entityId: this.entityId,
      pid: process.pid,
      ppid: creator?.pid ?? process.ppid,
      creatorStart: creator?.startUnixHundredths ?? 0,
      start: process.startUnixHundredths,
      name: image.exeName,
      path: details.path,
      root: details.root,
      rootOwned: isFileKnown ? isRootsFile(details) : undefined,
      args: args.length > argsMax ? `${args.slice(0, argsMax)}…` : args,
      argsCount: details.argsCount,
      cmdlineMax: this.#cmdlineMax,
      cwd: details.cwd,
      tty,
      cgroup: cgroup === process.creator?.cgroup ? undefined : cgroup,
      known: image.known,
      groupLeader: this.#refTo(process.group?.leader),
      sessionLeader: this.#refTo(session?.leader),
    };
    // Many processes share one text of credentials.
    const credentials = this.#options.credentialsOf(details, process.supplementalGroups);
    return `{"credentials":${credentials},${JSON.stringify(facts).slice(1)}`;
  }

  #refTo(process: Process | undefined): ProcessRef | undefined {
    return process && [this.#options.entityIdOf(process), process.pid, process.startUnixHundredths];
  }
}
