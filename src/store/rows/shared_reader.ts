/** Reads shared facts: parses each once and caches it. The same fact is the same object while it is cached. */
import { LRUCache } from 'lru-cache';
import type { AncestorFacts, PreviousImageFacts } from '../../process/facts.ts';
import type { FoundFacts } from './shared_facts.ts';

/** Rows of a query were removed before it read them. */
const GONE = 'rows were removed while they were read: retry the query';
const REMEMBERED_BYTES = 4 * 1024 * 1024;
/** Memory of a fact in addition to its text, in bytes; and the factor for its text and the texts made from it. */
const FACT_BYTES = 500;
const MADE_FACTOR = 4;

/** Memory of a parsed fact and of what is made from it, by the size of its text. */
export function memoryOfFact(bytes: number): number {
  return (bytes + FACT_BYTES) * MADE_FACTOR;
}

/** A stored ancestor or leader. */
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
    sizeCalculation: ({ bytes }) => memoryOfFact(bytes),
  });

export class SharedReader {
  readonly #find: (id: number) => FoundFacts | undefined;
  readonly #ancestorRecords = cache<StoredAncestor>();
  readonly #documents = cache<Document>();

  constructor(find: (id: number) => FoundFacts | undefined) {
    this.#find = find;
  }

  /** Undefined for null. @throws {Error} it was removed */
  ancestorRecord(id: number | null | undefined): StoredAncestor | undefined {
    if (id === null || id === undefined) return undefined;
    const known = this.#ancestorRecords.get(id);
    if (known) return known;
    const ancestorRecord = new StoredAncestor(this, this.found(id));
    this.#ancestorRecords.set(id, ancestorRecord);
    return ancestorRecord;
  }

  /** Facts other than processes; undefined for null. @throws {Error} they were removed */
  document(id: number | null | undefined): unknown {
    if (id === null || id === undefined) return undefined;
    const known = this.#documents.get(id);
    if (known) return known.facts;
    const { facts } = this.found(id);
    const parsed: unknown = JSON.parse(facts);
    this.#documents.set(id, { facts: parsed, bytes: facts.length });
    return parsed;
  }

  /** The stored fact. @throws {Error} it was removed */
  found(id: number): FoundFacts {
    const found = this.#find(id);
    if (!found) throw new Error(GONE);
    return found;
  }
}
