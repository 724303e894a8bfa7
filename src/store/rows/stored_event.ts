/** A row as it is read: its facts, and what they refer to. */

import type { HostFacts } from '../../linux/host.ts';
import type { CredentialFacts, PreviousImageFacts } from '../../process/facts.ts';
import { CREATORS_IMAGE_ID, type EventFacts, FACT, type FactName } from './event_facts.ts';
import type { SharedReader, StoredAncestor } from './shared_reader.ts';

export class StoredEvent {
  readonly facts: EventFacts;
  readonly #shared: SharedReader;
  #creator: StoredAncestor | undefined;

  constructor(facts: EventFacts, shared: SharedReader) {
    this.facts = facts;
    this.#shared = shared;
  }

  /** '' where it is not known. */
  text(name: FactName): string {
    const value = this.facts[FACT[name]];
    return typeof value === 'string' ? value : '';
  }

  /** Undefined where it is not known, and where it could not be stored exactly: a file's times are what its owner has set. */
  number(name: FactName): number | undefined {
    const value = this.facts[FACT[name]];
    return typeof value === 'number' && Number.isSafeInteger(value) ? value : undefined;
  }

  get eid(): number {
    return this.facts[FACT.eid] as number;
  }

  /** Who created it, and the others around it. @throws {Error} the rows that they belong to were let go */
  ancestorRecord(name: 'creator' | 'groupLeader' | 'sessionLeader' | 'entryLeader'): StoredAncestor | undefined {
    // Many columns tell of it.
    if (name === 'creator' && this.#creator) return this.#creator;
    const ancestorRecord = this.#shared.ancestorRecord(this.facts[FACT[name]] as number | null);
    if (name === 'creator') this.#creator = ancestorRecord;
    return ancestorRecord;
  }

  get credentials(): CredentialFacts | undefined {
    return this.#document('credentials') as CredentialFacts | undefined;
  }

  /** What the process ran before. */
  get previous(): readonly PreviousImageFacts[] | undefined {
    if (this.facts[FACT.previous] === CREATORS_IMAGE_ID) {
      return this.ancestorRecord('creator')?.asPrevious ?? [];
    }
    return this.#document('previous') as readonly PreviousImageFacts[] | undefined;
  }

  /** Where it happened. */
  get host(): HostFacts | undefined {
    return this.#document('host') as HostFacts | undefined;
  }

  #document(name: FactName): unknown {
    return this.#shared.document(this.facts[FACT[name]] as number | null);
  }
}
