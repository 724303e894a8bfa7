/**
 * What rows say of the processes around theirs: recorded once for each that leads or created others, and shared by the rows
 * of all of them.
 */

import { LRUCache } from 'lru-cache';
import type { ExecDetails } from '../collect/event.ts';
import { type CredentialIds, credentialsFragment, credentialsKey, type IdNames } from '../ecs/credentials.ts';
import { previousFragment } from '../ecs/previous.ts';
import { FRAGMENT_ARGS_MAX } from '../ecs/process_fragment.ts';
import type { Image } from './image.ts';
import type { Link, Process } from './process.ts';
import { LinkRecorder, type RecordedLink } from './recorded_link.ts';

/** A text that many rows share; by its identity they are known to. */
export interface SharedText {
  readonly text: string;
}

/** The images before a process's present one, as text: made when it is stored and not kept, because arguments may be long. */
class PreviousText implements SharedText {
  readonly #images: readonly Image[];
  /** See Names. */
  readonly revision: number;

  constructor(images: readonly Image[], revision: number) {
    this.#images = images;
    this.revision = revision;
  }

  get text(): string {
    const known = this.#images.filter((image) => image.known);
    const details = known.map((image) => image.details);
    return previousFragment(details, Math.floor(FRAGMENT_ARGS_MAX / Math.max(1, known.length)));
  }
}

/** Of names that change: when they do, what was rendered with them is not used any more. */
export interface Names extends IdNames {
  readonly revision: number;
}

export interface SessionContextOptions {
  readonly entityIdOf: (process: Process) => string;
  readonly names: Names;
  readonly ancestorCmdlineMax: number;
}

const CREDENTIALS_MAX = 1024;

export class SessionContext {
  readonly #names: Names;
  readonly #recorder: LinkRecorder;
  readonly #credentials = new LRUCache<string, SharedText>({ max: CREDENTIALS_MAX });
  #last: Partial<CredentialIds> & { readonly revision?: number; readonly shared?: SharedText } = {};
  readonly #previous = new WeakMap<readonly Image[], PreviousText>();

  constructor({ entityIdOf, names, ancestorCmdlineMax }: SessionContextOptions) {
    this.#names = names;
    this.#recorder = new LinkRecorder(ancestorCmdlineMax, {
      entityIdOf,
      credentialsOf: (details, groups) => this.credentials(details, groups).text,
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

  /** Undefined where there is nobody. Only for settled links. */
  record(link: Link | undefined): RecordedLink | undefined {
    return link && this.#recorder.record(link);
  }

  credentials(
    { uid, euid, suid, gid, egid, sgid }: ExecDetails,
    supplementalGroups: readonly number[] | undefined,
  ): SharedText {
    const { revision } = this.#names;
    const last = this.#last;
    const isLast =
      last.uid === uid &&
      last.euid === euid &&
      last.suid === suid &&
      last.gid === gid &&
      last.egid === egid &&
      last.sgid === sgid &&
      last.supplementalGroups === supplementalGroups;
    // Most processes run as whom the one before does.
    if (isLast && last.shared && last.revision === revision) return last.shared;
    const ids: CredentialIds = { uid, euid, suid, gid, egid, sgid, supplementalGroups };
    const key = `${revision};${credentialsKey(ids)}`;
    let shared = this.#credentials.get(key);
    if (!shared) {
      shared = { text: credentialsFragment(ids, this.#names) };
      this.#credentials.set(key, shared);
    }
    this.#last = { ...ids, revision, shared };
    return shared;
  }

  /** Undefined where there were none. Processes that were forked with one image share its text. */
  previous(images: readonly Image[]): SharedText | undefined {
    if (images.length === 0) return undefined;
    const { revision } = this.#names;
    let shared = this.#previous.get(images);
    // A stored text is stored once: what is redacted since must not be told by it.
    if (shared?.revision !== revision) {
      shared = new PreviousText(images, revision);
      this.#previous.set(images, shared);
    }
    return shared;
  }
}
