/** Where sessions came from: what sshd and PAM said to audit or, where they said nothing, what sshd left in the environment. */
import { LRUCache } from 'lru-cache';
import type { LoginEvent } from '../collect/event.ts';
import { type Entry, isSshd } from './entry.ts';
import { exeNameOf } from './image.ts';
import type { Process } from './process.ts';
import type { ProcReader } from './procfs.ts';

const LOGINS_MAX = 1024;

export class Logins {
  readonly #proc: ProcReader | undefined;
  /** By audit's session id. */
  readonly #addresses = new LRUCache<number, string>({ max: LOGINS_MAX });
  /** What the environment of a session's leader said when it was first asked: what it executes later may have another. */
  readonly #asked = new WeakMap<Process, string>();

  constructor(proc: ProcReader | undefined) {
    this.#proc = proc;
  }

  add({ ses, address, exe }: LoginEvent): void {
    // sudo and su open sessions within one that came from somewhere: sudo names this host as where it is asked from
    // (man 5 sudoers, pam_rhost), and PAM makes an address of that.
    const isOfSsh = exe === '' || isSshd(exeNameOf({ path: exe, comm: '' }));
    if (ses !== undefined && address !== '' && isOfSsh) this.#addresses.set(ses, address);
  }

  /** Of an entry by ssh; '' for others, and where nobody knows. */
  addressOf({ type, link }: Entry): string {
    if (type !== 'sshd' || !link) return '';
    const { process, image } = link;
    const { ses } = image.details;
    // A server that was started in somebody's session, and does not use PAM, leaves its guests in that session.
    const isOwnSession = ses !== process.creator?.image.details.ses;
    const said = ses === undefined || !isOwnSession ? undefined : this.#addresses.get(ses);
    if (said !== undefined) return said;
    let asked = this.#asked.get(process);
    if (asked === undefined) {
      asked = process.exit ? '' : (this.#proc?.sshClient(process.pid) ?? '');
      this.#asked.set(process, asked);
    }
    return asked;
  }
}
