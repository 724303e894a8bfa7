/**
 * The records of ancestors, leaders, credentials and previous images of a row. Each is made once and shared by all rows that
 * need it.
 */

import { LRUCache } from 'lru-cache';
import type { ExecDetails } from '../collect/event.ts';
import type { Names } from '../linux/user_names.ts';
import { AncestorRecorder } from './ancestor_record.ts';
import { type CredentialFacts, PREVIOUS_ARGS_MAX, type PreviousImageFacts, SUPPLEMENTAL_GROUPS_MAX } from './facts.ts';
import type { Image } from './image.ts';
import type { AncestorRecord, Process, ProcessAtFork } from './process.ts';

/** Facts that many rows share, as JSON. The same object is stored once. */
export interface SharedFacts {
  readonly json: string;
}

type Groups = readonly number[] | undefined;
/** The ids that CredentialFacts have. */
type Ids = Pick<ExecDetails, 'uid' | 'euid' | 'suid' | 'gid' | 'egid' | 'sgid'>;

class Credentials implements SharedFacts {
  readonly uid: number | undefined;
  readonly euid: number | undefined;
  readonly suid: number | undefined;
  readonly gid: number | undefined;
  readonly egid: number | undefined;
  readonly sgid: number | undefined;
  readonly revision: number;
  readonly json: string;

  constructor({ uid, euid, suid, gid, egid, sgid }: Ids, groups: Groups, names: Names) {
    this.uid = uid;
    this.euid = euid;
    this.suid = suid;
    this.gid = gid;
    this.egid = egid;
    this.sgid = sgid;
    this.revision = names.revision;
    const told = groups?.slice(0, SUPPLEMENTAL_GROUPS_MAX);
    const userNames = namesOf([uid, euid, suid], (id) => names.user(id));
    const groupNames = namesOf([gid, egid, sgid, ...(told ?? [])], (id) => names.group(id));
    const facts: CredentialFacts = { uid, euid, suid, gid, egid, sgid, groups: told, userNames, groupNames };
    this.json = JSON.stringify(facts);
  }

  isOf({ uid, euid, suid, gid, egid, sgid }: Ids): boolean {
    return (
      this.uid === uid &&
      this.euid === euid &&
      this.suid === suid &&
      this.gid === gid &&
      this.egid === egid &&
      this.sgid === sgid
    );
  }
}

/** Represents the image of the creator: most processes have no other previous image. */
export const CREATORS_IMAGE: SharedFacts = { json: '' };

/** Undefined if no id has a name. */
function namesOf(
  ids: readonly (number | undefined)[],
  nameOf: (id: number) => string | undefined,
): Record<string, string> | undefined {
  const names: [string, string][] = [];
  for (const id of ids) {
    const name = id === undefined ? undefined : nameOf(id);
    if (name) names.push([String(id), name]);
  }
  return names.length === 0 ? undefined : Object.fromEntries(names);
}

/** The previous images of a process. The JSON is made when it is stored and not kept: arguments may be long. */
class PreviousImages implements SharedFacts {
  readonly #images: readonly Image[];
  /** See Names. */
  readonly revision: number;

  constructor(images: readonly Image[], revision: number) {
    this.#images = images;
    this.revision = revision;
  }

  get json(): string {
    const known = this.#images.filter((image) => image.known);
    const argsMax = Math.floor(PREVIOUS_ARGS_MAX / known.length) + 1;
    const facts = known.map(
      ({ details: { path, args, argsCount } }): PreviousImageFacts => ({
        path,
        args: args.slice(0, argsMax),
        argsCount,
      }),
    );
    return JSON.stringify(facts);
  }
}

interface SessionContextOptions {
  readonly entityIdOf: (process: Process) => string;
  readonly names: Names;
  readonly ancestorCmdlineMax: number;
}

const CREDENTIALS_MAX = 1024;

export class SessionContext {
  readonly #names: Names;
  readonly #recorder: AncestorRecorder;
  readonly #credentials = new LRUCache<string, Credentials>({ max: CREDENTIALS_MAX });
  #last: Credentials | undefined;
  #lastGroups: Groups;
  readonly #previous = new WeakMap<readonly Image[], PreviousImages>();

  constructor({ entityIdOf, names, ancestorCmdlineMax }: SessionContextOptions) {
    this.#names = names;
    this.#recorder = new AncestorRecorder(ancestorCmdlineMax, {
      entityIdOf,
      credentialsOf: (details, groups) => this.credentials(details, groups).json,
      revision: () => names.revision,
    });
  }

  /** Number of records with texts that were cut to save memory. */
  get shortened(): number {
    return this.#recorder.shortened;
  }

  configure(ancestorCmdlineMax: number): void {
    this.#recorder.cmdlineMax = ancestorCmdlineMax;
  }

  /** Undefined if `atFork` is undefined. Only for settled processes. */
  record(atFork: ProcessAtFork | undefined): AncestorRecord | undefined {
    return atFork && this.#recorder.record(atFork);
  }

  /** The CredentialFacts of a process. */
  credentials(ids: Ids, supplementalGroups: Groups): SharedFacts {
    const { revision } = this.#names;
    const last = this.#last;
    // Most processes have the same credentials as the process before.
    if (last?.revision === revision && this.#lastGroups === supplementalGroups && last.isOf(ids)) return last;
    const { uid, euid, suid, gid, egid, sgid } = ids;
    const groups = supplementalGroups?.slice(0, SUPPLEMENTAL_GROUPS_MAX).join();
    const key = `${revision};${uid},${euid},${suid},${gid},${egid},${sgid};${groups}`;
    let shared = this.#credentials.get(key);
    if (!shared) {
      shared = new Credentials(ids, supplementalGroups, this.#names);
      this.#credentials.set(key, shared);
    }
    this.#last = shared;
    this.#lastGroups = supplementalGroups;
    return shared;
  }

  /**
   * PreviousImageFacts; undefined if there are none, and CREATORS_IMAGE if the only one is the image of the creator at the fork.
   * Processes that were forked with the same image share them.
   */
  previous(images: readonly Image[], creator: ProcessAtFork | undefined): SharedFacts | undefined {
    if (images.length === 0) return undefined;
    if (images.length === 1 && images[0] === creator?.image) return CREATORS_IMAGE;
    const { revision } = this.#names;
    let shared = this.#previous.get(images);
    // A shared text is stored once. After a redaction a new one is needed.
    if (shared?.revision !== revision) {
      shared = new PreviousImages(images, revision);
      this.#previous.set(images, shared);
    }
    return shared;
  }
}
