/**
 * What rows say of the processes around theirs: recorded once for each that leads or created others, and shared by the rows
 * of all of them.
 */

import { LRUCache } from 'lru-cache';
import type { ExecDetails } from '../collect/event.ts';
import type { Names } from '../linux/user_names.ts';
import { AncestorRecorder } from './ancestor_record.ts';
import { type CredentialFacts, PREVIOUS_ARGS_MAX, type PreviousImageFacts, SUPPLEMENTAL_GROUPS_MAX } from './facts.ts';
import type { Image } from './image.ts';
import type { AncestorRecord, Process, ProcessAtFork } from './process.ts';

/** Facts that many rows share, as JSON; by its identity they are known to. */
export interface SharedFacts {
  readonly json: string;
}

type Groups = readonly number[] | undefined;

class Credentials implements SharedFacts {
  readonly uid: number | undefined;
  readonly euid: number | undefined;
  readonly suid: number | undefined;
  readonly gid: number | undefined;
  readonly egid: number | undefined;
  readonly sgid: number | undefined;
  readonly revision: number;
  readonly json: string;

  constructor({ uid, euid, suid, gid, egid, sgid }: ExecDetails, groups: Groups, names: Names) {
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

  isOf({ uid, euid, suid, gid, egid, sgid }: ExecDetails): boolean {
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

/** Stands for the image of a row's creator: most processes ran nothing else before. */
export const CREATORS_IMAGE: SharedFacts = { json: '' };

/** Undefined where none has a name. */
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

/** The images before a process's present one. The JSON is made when it is stored and not kept, because arguments may be long. */
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

  /** How many processes were recorded with texts that had been cut to make room in memory. */
  get shortened(): number {
    return this.#recorder.shortened;
  }

  configure(ancestorCmdlineMax: number): void {
    this.#recorder.cmdlineMax = ancestorCmdlineMax;
  }

  /** Undefined where there is none. Only for settled processes. */
  record(atFork: ProcessAtFork | undefined): AncestorRecord | undefined {
    return atFork && this.#recorder.record(atFork);
  }

  /** As whom a process runs: CredentialFacts. */
  credentials(details: ExecDetails, supplementalGroups: Groups): SharedFacts {
    const { revision } = this.#names;
    const last = this.#last;
    // Most processes run as whom the one before does.
    if (last?.revision === revision && this.#lastGroups === supplementalGroups && last.isOf(details)) return last;
    const { uid, euid, suid, gid, egid, sgid } = details;
    const groups = supplementalGroups?.slice(0, SUPPLEMENTAL_GROUPS_MAX).join();
    const key = `${revision};${uid},${euid},${suid},${gid},${egid},${sgid};${groups}`;
    let shared = this.#credentials.get(key);
    if (!shared) {
      shared = new Credentials(details, supplementalGroups, this.#names);
      this.#credentials.set(key, shared);
    }
    this.#last = shared;
    this.#lastGroups = supplementalGroups;
    return shared;
  }

  /**
   * PreviousImageFacts; undefined where there were none, and CREATORS_IMAGE where they are those of the creator at the fork. Processes that
   * were forked with one image share them.
   */
  previous(images: readonly Image[], creator: ProcessAtFork | undefined): SharedFacts | undefined {
    if (images.length === 0) return undefined;
    if (images.length === 1 && images[0] === creator?.image) return CREATORS_IMAGE;
    const { revision } = this.#names;
    let shared = this.#previous.get(images);
    // What is stored is stored once: what is redacted since must not be told by it.
    if (shared?.revision !== revision) {
      shared = new PreviousImages(images, revision);
      this.#previous.set(images, shared);
    }
    return shared;
  }
}
