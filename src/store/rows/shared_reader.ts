/** Shared facts as they are read: parsed once, remembered, and the same object for the same fact while it is remembered. */
import { LRUCache } from 'lru-cache';
import type { AncestorFacts, PreviousImageFacts } from '../../process/facts.ts';
import type { FoundFacts } from './shared_facts.ts';

/** Rows that a query had found were let go before it came to read them. */
const GONE = 'rows were let go while they were read: ask again';
const REMEMBERED_BYTES = 4 * 1024 * 1024;
/** What a fact takes in memory beside its text; and how often its text, with what readers make of it. */
const FACT_BYTES = 500;
const MADE_FACTOR = 4;

/** A process that created others or leads them, as it was stored. */
export class StoredAncestor {
  readonly #reader: SharedReader;
  readonly #found: FoundFacts;
  #facts: AncestorFacts | undefined;
  #asPrevious: readonly PreviousImageFacts[] | undefined;

  constructor(reader: SharedReader, found: FoundFacts) {
    this.#reader = reader;
    this.#found = found;
  }

  get bytes(): number {
    return this.#found.facts.length;
  }

  get facts(): AncestorFacts {
    this.#facts ??= JSON.parse(this.#found.facts) as AncestorFacts;
    return this.#facts;
  }

  /** Its image as the one that a child ran before: the same object each time. */
  get asPrevious(): readonly PreviousImageFacts[] {
    this.#asPrevious ??= this.facts.known ? [this.facts] : [];
    return this.#asPrevious;
  }

  /** Its creator. @throws {Error} the rows that it belongs to were let go */
  get above(): StoredAncestor | undefined {
    return this.#reader.ancestorRecord(this.#found.above);
  }
}

interface Document {
  readonly facts: unknown;
  readonly bytes: number;
}

const cache = <Value extends { readonly bytes: number }>() =>
  new LRUCache<number, Value>({
    maxSize: REMEMBERED_BYTES / 2,
    sizeCalculation: ({ bytes }) => (bytes + FACT_BYTES) * MADE_FACTOR,
  });

export class SharedReader {
  readonly #find: (id: number) => FoundFacts | undefined;
  readonly #ancestorRecords = cache<StoredAncestor>();
  readonly #documents = cache<Document>();

  constructor(find: (id: number) => FoundFacts | undefined) {
    this.#find = find;
  }

  /** Undefined for null. @throws {Error} it was let go */
  ancestorRecord(id: number | null | undefined): StoredAncestor | undefined {
    if (id === null || id === undefined) return undefined;
    const known = this.#ancestorRecords.get(id);
    if (known) return known;
    const ancestorRecord = new StoredAncestor(this, this.found(id));
    this.#ancestorRecords.set(id, ancestorRecord);
    return ancestorRecord;
  }

  /** Facts that are no process; undefined for null. @throws {Error} they were let go */
  document(id: number | null | undefined): unknown {
    if (id === null || id === undefined) return undefined;
    const known = this.#documents.get(id);
    if (known) return known.facts;
    const { facts } = this.found(id);
    const parsed: unknown = JSON.parse(facts);
    this.#documents.set(id, { facts: parsed, bytes: facts.length });
    return parsed;
  }

  /** As it is stored. @throws {Error} it was let go */
  found(id: number): FoundFacts {
    const found = this.#find(id);
    if (!found) throw new Error(GONE);
    return found;
  }
}
