/** A stored row: its facts and its shared facts. */

import type { ContainerFacts } from '../../containers/facts.ts';
import type { HostFacts } from '../../linux/host.ts';
import type { CredentialFacts, PreviousImageFacts } from '../../process/facts.ts';
import { CREATORS_IMAGE_ID, type EventFacts, FACT, type FactIndex, type FactName } from './event_facts.ts';
import type { SharedReader, StoredAncestor } from './shared_reader.ts';

export class StoredEvent {
  readonly facts: EventFacts;
  readonly #shared: SharedReader;
  #creator: StoredAncestor | undefined;

  constructor(facts: EventFacts, shared: SharedReader) {
    this.facts = facts;
    this.#shared = shared;
  }

  /** '' if unknown. */
  text(name: FactName): string {
    return this.textAt(FACT[name]);
  }

  /** Undefined if unknown, and if it is no safe integer: the owner of a file can set its times to any value. */
  number(name: FactName): number | undefined {
    return this.numberAt(FACT[name]);
  }

  /** `text` by the index of the fact. */
  textAt(index: FactIndex): string {
    const value = this.facts[index];
    return typeof value === 'string' ? value : '';
  }

  /** `number` by the index of the fact. */
  numberAt(index: FactIndex): number | undefined {
    const value = this.facts[index];
    return typeof value === 'number' && Number.isSafeInteger(value) ? value : undefined;
  }

  get eid(): number {
    return this.facts[FACT.eid] as number;
  }

  /** Its creator or one of its leaders. @throws {Error} its rows were removed */
  ancestorRecord(name: 'creator' | 'groupLeader' | 'sessionLeader' | 'entryLeader'): StoredAncestor | undefined {
    // Many columns use it.
    if (name === 'creator' && this.#creator) return this.#creator;
    const ancestorRecord = this.#shared.ancestorRecord(this.facts[FACT[name]] as number | null);
    if (name === 'creator') this.#creator = ancestorRecord;
    return ancestorRecord;
  }

  get credentials(): CredentialFacts | undefined {
    return this.#document('credentials') as CredentialFacts | undefined;
  }

  /** The ids before a setid. */
  get credentialsBefore(): CredentialFacts | undefined {
    return this.#document('credentialsBefore') as CredentialFacts | undefined;
  }

  /** The previous images of the process. */
  get previous(): readonly PreviousImageFacts[] | undefined {
    if (this.facts[FACT.previous] === CREATORS_IMAGE_ID) {
      return this.ancestorRecord('creator')?.asPrevious ?? [];
    }
    return this.#document('previous') as readonly PreviousImageFacts[] | undefined;
  }

  /** The host of the event. */
  get host(): HostFacts | undefined {
    return this.#document('host') as HostFacts | undefined;
  }

  /** The container; undefined on the host, and if unknown. */
  get container(): ContainerFacts | undefined {
    return this.#document('container') as ContainerFacts | undefined;
  }

  #document(name: FactName): unknown {
    return this.#shared.document(this.facts[FACT[name]] as number | null);
  }
}
