/** Where sessions came from: what sshd and PAM said to audit or, where they said nothing, what sshd left in the environment. */
import { LRUCache } from 'lru-cache';
import type { LoginEvent } from '../collect/event.ts';
import type { Entry } from './entry.ts';
import type { ProcReader } from './procfs.ts';

const LOGINS_MAX = 1024;

export class Logins {
  readonly #proc: ProcReader | undefined;
  /** By audit's session id. */
  readonly #addresses = new LRUCache<number, string>({ max: LOGINS_MAX });
  /** What the environment said, once it was asked. */
  readonly #asked = new WeakMap<Entry, string>();

  constructor(proc: ProcReader | undefined) {
    this.#proc = proc;
  }

  add({ ses, address }: LoginEvent): void {
    // sudo and su, too, open sessions: within one that came from somewhere, and without an address of their own.
    if (ses !== undefined && address !== '') this.#addresses.set(ses, address);
  }

  /** Of an entry by ssh; '' for others, and where nobody knows. */
  addressOf(entry: Entry): string {
    const { type, link } = entry;
    if (type !== 'sshd' || !link) return '';
    const { ses } = link.image.details;
    const said = ses === undefined ? undefined : this.#addresses.get(ses);
    if (said !== undefined) return said;
    let asked = this.#asked.get(entry);
    if (asked === undefined) {
      asked = link.process.exit ? '' : (this.#proc?.sshClient(link.process.pid) ?? '');
      this.#asked.set(entry, asked);
    }
    return asked;
  }
}
