/**
 * What rows tell of a process that created others or leads them, with the image that it was running then. It is settled
 * when the first row needs it, and shared by all rows that do: as an ancestor in the words of the column, and the rest for
 * whoever makes a leader or a part of a document of it. The texts are made when they are stored and not kept: a chain may be
 * long, and its arguments too.
 */
import type { ExecDetails } from '../collect/event.ts';
import { FRAGMENT_ARGS_MAX } from '../ecs/process_fragment.ts';
import { ancestorObject } from './ancestry.ts';
import { argsListOf } from './image.ts';
import type { Link, Process } from './process.ts';

/** A link with those above it. Identity counts: what is the same object is stored once. */
export interface RecordedLink {
  readonly entityId: string;
  readonly path: string;
  readonly euid: number | undefined;
  /** An object of the column ancestry. */
  readonly ancestor: () => string;
  /** The rest, as JSON: see LinkRecord. */
  readonly json: () => string;
  /** The command line where it is longer than the rest has it, otherwise ''. */
  readonly longCmdline: () => string;
  /** Its creator. Looked up each time: of a chain that grows for ever the top is let go. */
  readonly above: RecordedLink | undefined;
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

/** Characters of arguments that are recorded: no more are shown of a leader, nor in a document. */
export const RECORD_ARGS_MAX = FRAGMENT_ARGS_MAX;
/** What an ancestor takes beside its texts. */
const ANCESTOR_BYTES = 230;

/** A process by its identity: entity id, pid, and start in hundredths of Unix seconds. */
export type ProcessRef = readonly [entityId: string, pid: number, start: number];

/** A link as it is stored: what its JSON holds, and the fields that are beside it. */
export interface LinkRecord {
  readonly entityId: string;
  readonly path: string;
  readonly euid: number | undefined;
  readonly pid: number;
  /** In hundredths of Unix seconds. */
  readonly start: number;
  /** The program's file name. */
  readonly name: string;
  readonly cwd: string;
  readonly tty: string;
  readonly args: readonly string[];
  readonly argsCount: number | undefined;
  readonly uid: number | undefined;
  /** In which `path` is a path: see ExecDetails. Undefined in records of before. */
  readonly root: string | undefined;
  /** Whether anybody could tell what it ran. */
  readonly known: boolean;
  /** Members of an object, with a name each (credentialsFragment). */
  readonly credentials: string;
  readonly groupLeader: ProcessRef | undefined;
  readonly sessionLeader: ProcessRef | undefined;
}

export interface LinkRecorderOptions {
  readonly entityIdOf: (process: Process) => string;
  /** Members, from credentialsFragment. */
  readonly credentialsOf: (details: ExecDetails, supplementalGroups: readonly number[] | undefined) => string;
  /** Another one, and names are others: what is told from now on is recorded anew. */
  readonly revision: () => number;
}

export class LinkRecorder {
  readonly #options: LinkRecorderOptions;
  /** Longest command line that an ancestor is told with, in characters. */
  cmdlineMax: number;
  /** How many were recorded with texts that had been cut to make room in memory. */
  shortened = 0;

  constructor(cmdlineMax: number, options: LinkRecorderOptions) {
    this.cmdlineMax = cmdlineMax;
    this.#options = options;
  }

  /** Only for settled links. */
  record(link: Link): RecordedLink {
    const revision = this.#options.revision();
    if (link.recorded?.revision === revision) return link.recorded;
    // From the first recorded ancestor downwards, not by recursion: a chain may be a thousand long.
    const pending: Link[] = [];
    let one: Link | undefined = link.process.creator;
    for (; one && one.recorded?.revision !== revision; one = one.process.creator) pending.push(one);
    let above = one?.recorded;
    for (const higher of pending.reverse()) {
      above = this.#recordOne(higher, above, revision);
      higher.recorded = above;
    }
    link.recorded = this.#recordOne(link, above, revision);
    return link.recorded;
  }

  #recordOne(link: Link, above: RecordedLink | undefined, revision: number): RecordedLink {
    const { process, image } = link;
    const { path, euid } = image.details;
    const { cmdlineMax } = this;
    const argsLength = Math.min(image.details.args.length, cmdlineMax);
    if (image.isShortened) this.shortened++;
    // What was told of its creator stays (see ProcessTable.fork).
    process.isTold = true;
    return {
      entityId: this.#options.entityIdOf(process),
      path,
      euid,
      ancestor: () => ancestorObject(link, { entityIdOf: this.#options.entityIdOf, cmdlineMax }),
      json: () => this.#json(link),
      longCmdline: () => (image.details.args.length > RECORD_ARGS_MAX ? image.cmdline : ''),
      get above() {
        return process.creator?.recorded;
      },
      depth: (above?.depth ?? 0) + 1,
      bytes: (above?.bytes ?? 0) + ANCESTOR_BYTES + path.length + image.details.root.length + argsLength,
      complete:
        (above ? above.complete : process.lineage === 'top' || process.lineage === 'cut') &&
        image.known &&
        process.lineage !== 'likely',
      cut: above ? above.cut : process.lineage === 'cut',
      revision,
    };
  }

  #json({ process, image, session, tty }: Link): string {
    const { details } = image;
    const credentials = this.#options.credentialsOf(details, process.supplementalGroups);
    const members = JSON.stringify({
      pid: process.pid,
      start: process.startUnixHundredths,
      name: image.exeName,
      cwd: details.cwd,
      tty,
      args: shortArgs(details),
      argsCount: details.argsCount,
      uid: details.uid,
      root: details.root,
      known: image.known,
      groupLeader: this.#refTo(process.group?.leader),
      sessionLeader: this.#refTo(session?.leader),
    });
    return `${members.slice(0, -1)},"credentials":{${credentials}}}`;
  }

  #refTo(process: Process | undefined): ProcessRef | undefined {
    return process && [this.#options.entityIdOf(process), process.pid, process.startUnixHundredths];
  }
}

function shortArgs(details: ExecDetails): string[] {
  const { args } = details;
  // One character more than is shown: who shows it sees that it was cut.
  return argsListOf(args.length > RECORD_ARGS_MAX ? { ...details, args: args.slice(0, RECORD_ARGS_MAX + 1) } : details);
}

const CREDENTIALS = ',"credentials":{';

/** Throws where the JSON is none that a LinkRecorder wrote. */
export function parseLinkRecord(stored: Pick<LinkRecord, 'entityId' | 'path' | 'euid'> & { json: string }): LinkRecord {
  const { json, entityId, path, euid } = stored;
  // The last of the members is not parsed: documents take it over as text. It is no part of an argument, where a quote is escaped.
  const at = json.lastIndexOf(CREDENTIALS);
  const members = JSON.parse(`${json.slice(0, at)}}`) as Omit<LinkRecord, 'credentials' | 'entityId' | 'path' | 'euid'>;
  return { ...members, entityId, path, euid, credentials: json.slice(at + CREDENTIALS.length, -2) };
}

export function cmdlineOfRecord({ args }: LinkRecord): string {
  return args.join(' ');
}
