/** A host of a recorded log, with the user and group names of an ENRICHED log. */
import type { NativeRecordedName } from './native.ts';

export class RecordedHost {
  /** The value of `node=` or of the prefix. For a prefix of unknown form, the part that distinguishes hosts. '' if there is none. */
  readonly name: string;
  readonly #users = new Map<number, string>();
  readonly #groups = new Map<number, string>();
  #revision = 0;

  constructor(name: string) {
    this.name = name;
  }

  /** Its name; '' if `name` is no valid host name. */
  get hostname(): string {
    return /^[\w.:%-]+$/.test(this.name) ? this.name : '';
  }

  /** Increases when names are added. */
  get revision(): number {
    return this.#revision;
  }

  /** Undefined if the log has no name for the id. */
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
