/** The addresses that ssh sessions came from: from the login records of sshd and PAM, else from the connection of sshd. */
import { LRUCache } from 'lru-cache';
import type { LoginEvent } from '../collect/event.ts';
import type { ProcReader } from '../collect/procfs.ts';
import { isSshdName, sshServersOf } from './entry.ts';
import { exeNameOf } from './image.ts';
import type { Entry, Process } from './process.ts';

const LOGINS_MAX = 1024;

interface LoginsOptions {
  readonly proc: ProcReader | undefined;
  /** Whether a start from /proc is the start of this process. */
  readonly isSame: (process: Process, startTicks: number) => boolean;
}

export class Logins {
  readonly #options: LoginsOptions;
  /** By the login session id of the kernel. Only root can send a login record, and the kernel adds the session id. */
  readonly #addresses = new LRUCache<number, string>({ max: LOGINS_MAX });
  /** Peer addresses of the connections of servers. */
  readonly #peers = new WeakMap<Process, string>();
  /** Servers whose connection is not read again. */
  readonly #asked = new WeakSet<Process>();

  constructor(options: LoginsOptions) {
    this.#options = options;
  }

  add({ ses, address, exe }: LoginEvent): void {
    // sudo and su open sessions inside another session. sudo names this host as the remote host (man 5 sudoers, pam_rhost), and
    // PAM turns that into an address.
    const isOfSsh = exe === '' || isSshdName(exeNameOf({ path: exe, comm: '' }));
    if (ses !== undefined && address !== '' && isOfSsh) this.#addresses.set(ses, address);
  }

  /** Reads the connection of sshd as soon as the process is known: a short session may end before its first row. */
  askServer(server: Process): void {
    if (this.#peers.has(server)) return;
    const peer = this.#readPeer(server);
    if (peer !== '') this.#peers.set(server, peer);
  }

  /** The address of an ssh entry; '' for other entries, and if unknown. */
  addressOf({ type, leader }: Entry): string {
    if (type !== 'sshd' || !leader) return '';
    const { process, image } = leader;
    const { ses } = image.details;
    // A server that was started in a login session and does not use PAM leaves its clients in that session.
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
    // The pid may have been reused in the meantime.
    return proc.startTicks(server.pid) === before ? peer : '';
  }
}
