/**
 * Chains as an audit log, for ancestors that a test cannot create for real (init, sshd with an address, cron), independent
 * of the test's own ancestors.
 */
import { type Chain, linksOf } from './chain.ts';

const AMD64 = 'c000003e';
const CALL = { fork: 57, execve: 59, setsid: 112 };
const UNSET = 4294967295;

export class LogOfChains {
  readonly #lines: string[] = [];
  #serial = 100;
  #pid = 1000;
  #session = 10;

  constructor() {
    this.#exec(
      { pid: 1, parent: 0, uid: 0, euid: 0, tty: '', session: UNSET },
      '/usr/lib/systemd/systemd',
      ['/sbin/init'],
      '/',
    );
  }

  /** Below init; returns the pids of its processes. */
  add(chain: Chain): number[] {
    let parent = 1;
    let grandparent = 0;
    let who = { uid: 0, euid: 0, tty: '', session: UNSET };
    let cwd = '/';
    return linksOf(chain).map(({ options, argv }) => {
      const pid = this.#pid++;
      this.#call(CALL.fork, { ...who, pid: parent, parent: grandparent }, pid);
      const number = (name: string, value: number) => (options.has(name) ? Number(options.get(name)) : value);
      who = {
        ...who,
        uid: number('uid', who.uid),
        euid: number('euid', number('uid', who.euid)),
        tty: options.get('tty') ?? who.tty,
      };
      cwd = options.get('cd') ?? cwd;
      const address = options.get('address');
      if (address) {
        who = { ...who, session: this.#session++ };
        const login = `pid=${parent} uid=0 auid=${who.uid} ses=${who.session} msg='op=login id=${who.uid} exe="/usr/sbin/sshd" hostname=${address} addr=${address} terminal=/dev/pts/0 res=success'`;
        this.#lines.push(`type=USER_LOGIN msg=${this.#next()}: ${login}`);
      }
      const self = { ...who, pid, parent };
      if (options.has('setsid')) this.#call(CALL.setsid, self, pid);
      if (!options.has('no-exec')) {
        const [file = ''] = argv;
        const path = file.startsWith('/') ? file : `/usr/bin/${file}`;
        this.#exec(self, path, [options.get('argv0') ?? file, ...argv.slice(1)], cwd);
      }
      grandparent = parent;
      parent = pid;
      return pid;
    });
  }

  get text(): string {
    return `${this.#lines.join('\n')}\n`;
  }

  #next(): string {
    this.#serial++;
    return `audit(${(1_790_000_000 + this.#serial / 100).toFixed(3)}:${this.#serial})`;
  }

  #call(call: number, self: Self, result: number, stamp = this.#next(), exe = '/usr/bin/x'): void {
    const { pid, parent, uid, euid, tty, session } = self;
    const ids = `auid=${session === UNSET ? UNSET : uid} uid=${uid} gid=${uid} euid=${euid} suid=${euid} fsuid=${euid} egid=${uid} sgid=${uid} fsgid=${uid}`;
    const who = `ppid=${parent} pid=${pid} ${ids} tty=${tty || '(none)'} ses=${session}`;
    this.#lines.push(
      `type=SYSCALL msg=${stamp}: arch=${AMD64} syscall=${call} success=yes exit=${result} items=${call === CALL.execve ? 2 : 0} ${who} comm="x" exe="${exe}"`,
    );
  }

  #exec(self: Self, path: string, args: readonly string[], cwd: string): void {
    const stamp = this.#next();
    this.#call(CALL.execve, self, 0, stamp, path);
    const hex = (text: string) => Buffer.from(text).toString('hex').toUpperCase();
    this.#lines.push(
      `type=EXECVE msg=${stamp}: argc=${args.length} ${args.map((arg, i) => `a${i}=${hex(arg)}`).join(' ')}`,
      `type=CWD msg=${stamp}: cwd=${hex(cwd)}`,
      `type=PATH msg=${stamp}: item=0 name="${path}" inode=77 dev=fd:00 mode=0100755 ouid=0 ogid=0 rdev=00:00`,
      `type=EOE msg=${stamp}:`,
    );
  }
}

interface Self {
  readonly pid: number;
  readonly parent: number;
  readonly uid: number;
  readonly euid: number;
  readonly tty: string;
  readonly session: number;
}
