/**
 * What rows say of the processes around theirs, as ECS has it: rendered once for each that leads or created others, and
 * shared by the rows of all of them.
 */

import { LRUCache } from 'lru-cache';
import type { ExecDetails } from '../collect/event.ts';
import { charDeviceOf } from '../collect/terminal.ts';
import { type CredentialIds, credentialsFragment, credentialsKey, type IdNames } from '../ecs/credentials.ts';
import { previousFragment } from '../ecs/previous.ts';
import { type EcsProcessRef, type Place, processFragment } from '../ecs/process_fragment.ts';
import type { Image } from './image.ts';
import type { Link, Process } from './process.ts';

/** A text that many rows share; by its identity they are known to. */
export interface SharedText {
  readonly text: string;
}

/** Of names that change: when they do, what was rendered with them is not used any more. */
export interface Names extends IdNames {
  readonly revision: number;
}

export interface SessionContextOptions {
  readonly entityIdOf: (process: Process) => string;
  readonly names: Names;
}

const CREDENTIALS_MAX = 1024;

const noFragments = (): Readonly<Record<Place, WeakMap<Link, SharedText>>> => ({
  parent: new WeakMap(),
  group_leader: new WeakMap(),
  session_leader: new WeakMap(),
  entry_leader: new WeakMap(),
});

export class SessionContext {
  readonly #options: SessionContextOptions;
  /** Rendered with the names of `#revision`. */
  #fragments = noFragments();
  #revision = 0;
  readonly #credentials = new LRUCache<string, SharedText>({ max: CREDENTIALS_MAX });
  readonly #previous = new WeakMap<readonly Image[], SharedText>();

  constructor(options: SessionContextOptions) {
    this.#options = options;
  }

  /** Undefined where there is nobody. */
  fragment(link: Link | undefined, place: Place): SharedText | undefined {
    if (!link) return undefined;
    const { revision } = this.#options.names;
    if (revision !== this.#revision) {
      this.#fragments = noFragments();
      this.#revision = revision;
    }
    const known = this.#fragments[place].get(link);
    if (known) return known;
    const shared = { text: this.#render(link, place) };
    this.#fragments[place].set(link, shared);
    return shared;
  }

  credentials(
    { uid, euid, suid, gid, egid, sgid }: ExecDetails,
    supplementalGroups: readonly number[] | undefined,
  ): SharedText {
    const ids: CredentialIds = { uid, euid, suid, gid, egid, sgid, supplementalGroups };
    const { names } = this.#options;
    const key = `${names.revision};${credentialsKey(ids)}`;
    let shared = this.#credentials.get(key);
    if (!shared) {
      shared = { text: credentialsFragment(ids, names) };
      this.#credentials.set(key, shared);
    }
    return shared;
  }

  /** Undefined where there were none. */
  previous(images: readonly Image[]): SharedText | undefined {
    if (images.length === 0) return undefined;
    let shared = this.#previous.get(images);
    if (!shared) {
      shared = { text: previousFragment(images.filter(({ known }) => known).map(({ details }) => details)) };
      this.#previous.set(images, shared);
    }
    return shared;
  }

  #render(link: Link, place: Place): string {
    const { process, image, session, tty } = link;
    const { details } = image;
    const creator = process.creator;
    const parent = creator && { ...this.#ref(creator.process), sessionLeader: this.#refOf(creator.session?.leader) };
    const fragment = {
      ...this.#ref(process),
      details,
      name: image.exeName,
      interactive: image.known ? tty !== '' : undefined,
      charDevice: charDeviceOf(tty),
      credentials: this.credentials(details, process.supplementalGroups).text,
      parent,
      groupLeader: this.#refOf(process.groups.at(Number.POSITIVE_INFINITY)?.leader),
      sessionLeader: this.#refOf(session?.leader),
    };
    return processFragment(fragment, place);
  }

  #refOf(process: Process | undefined): EcsProcessRef | undefined {
    return process && this.#ref(process);
  }

  #ref(process: Process): EcsProcessRef {
    const { pid, startUnixHundredths } = process;
    return { entityId: this.#options.entityIdOf(process), pid, startUnixMs: startUnixHundredths * 10 };
  }
}
