/** A host of a recorded log, with the names of users and groups that an ENRICHED log tells. */
import type { NativeRecordedName } from './native.ts';

export class RecordedHost {
  /** As `node=` or the prefix has it, or of a prefix of no known form what tells hosts apart; '' where nothing does. */
  readonly name: string;
  readonly #users = new Map<number, string>();
  readonly #groups = new Map<number, string>();
  #revision = 0;

  constructor(name: string) {
    this.name = name;
  }

  /** Its name; '' where the log does not tell it, if it tells this host from others. */
  get hostname(): string {
    return /^[\w.:%-]+$/.test(this.name) ? this.name : '';
  }

  /** Goes up whenever a name was learnt. */
  get revision(): number {
    return this.#revision;
  }

  /** Undefined for an id that the log does not name. */
  user(uid: number): string | undefined {
    return this.#users.get(uid);
  }

  group(gid: number): string | undefined {
    return this.#groups.get(gid);
  }

  learn(names: readonly NativeRecordedName[]): void {
    if (names.length === 0) return;
    for (const { id, ofGroup, text } of names) (ofGroup ? this.#groups : this.#users).set(id, text);
    this.#revision++;
  }
}
