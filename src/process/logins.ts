/** Where sessions came from: what sshd and PAM told of their logins, else the connection that sshd holds. */
import { LRUCache } from 'lru-cache';
import type { LoginEvent } from '../collect/event.ts';
import type { ProcReader } from '../collect/procfs.ts';
import { isSshdName, sshServersOf } from './entry.ts';
import { exeNameOf } from './image.ts';
import type { Entry, Process } from './process.ts';

const LOGINS_MAX = 1024;

interface LoginsOptions {
  readonly proc: ProcReader | undefined;
  /** Whether a start that /proc shows is this process's. */
  readonly isSame: (process: Process, startTicks: number) => boolean;
}

export class Logins {
  readonly #options: LoginsOptions;
  /** By the kernel's id of the login session. Only root's programs can tell of a login, and the kernel adds their id. */
  readonly #addresses = new LRUCache<number, string>({ max: LOGINS_MAX });
  /** Of connections that servers held when they were asked. */
  readonly #peers = new WeakMap<Process, string>();
  /** Servers of which all is known that will be. */
  readonly #asked = new WeakSet<Process>();

  constructor(options: LoginsOptions) {
    this.#options = options;
  }

  add({ ses, address, exe }: LoginEvent): void {
    // sudo and su open sessions within one that came from somewhere: sudo names this host as where it is asked from
    // (man 5 sudoers, pam_rhost), and PAM makes an address of that.
    const isOfSsh = exe === '' || isSshdName(exeNameOf({ path: exe, comm: '' }));
    if (ses !== undefined && address !== '' && isOfSsh) this.#addresses.set(ses, address);
  }

  /** Looks at sshd's connection as soon as it is known: a short session is over before its first row. */
  askServer(server: Process): void {
    if (this.#peers.has(server)) return;
    const peer = this.#readPeer(server);
    if (peer !== '') this.#peers.set(server, peer);
  }

  /** Of an entry by ssh; '' for others, and where it is not known. */
  addressOf({ type, leader }: Entry): string {
    if (type !== 'sshd' || !leader) return '';
    const { process, image } = leader;
    const { ses } = image.details;
    // A server that was started in a session, and does not use PAM, leaves its guests in that session.
    const isOwnSession = ses !== process.creator?.image.details.ses;
    const said = ses === undefined || !isOwnSession ? undefined : this.#addresses.get(ses);
    if (said !== undefined) return said;
    for (const server of sshServersOf(leader)) {
      const peer = this.#peerOf(server);
      if (peer !== '') return peer;
    }
    return '';
  }

  #peerOf(server: Process): string {
    const known = this.#peers.get(server);
    if (known !== undefined || this.#asked.has(server)) return known ?? '';
    this.#asked.add(server);
    this.askServer(server);
    return this.#peers.get(server) ?? '';
  }

  #readPeer(server: Process): string {
    const { proc, isSame } = this.#options;
    if (!proc || server.exit) return '';
    const before = proc.startTicks(server.pid);
    if (before === undefined || !isSame(server, before)) return '';
    const peer = proc.connectionPeer(server.pid);
    // The pid may have become another process's meanwhile.
    return proc.startTicks(server.pid) === before ? peer : '';
  }
}
