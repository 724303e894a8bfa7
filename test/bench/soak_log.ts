/**
 * An endless audit log of a busy host, made up in the shape of real ones: services, cron and ssh sessions start scripts,
 * which start scripts and commands; some processes execute twice; pids wrap and are reused; time advances.
 */
const PID_MAX = 32_768;
const FIRST_PID = 300;
/** Processes that live on and start others. */
const MAX_ALIVE = 100;
const MAX_DEPTH = 9;
/** x86_64 (asm/unistd_64.h). */
const CALLS = { clone: 56, execve: 59, exit_group: 231 } as const;

interface Living {
  readonly pid: number;
  readonly ppid: number;
  readonly depth: number;
  readonly uid: number;
  exe: string;
  /** Number of processes that it still starts before it ends. */
  toStart: number;
}

type Command = (n: number) => readonly [exe: string, ...args: string[]];

const SCRIPTS: readonly Command[] = [
  (n) => ['/usr/bin/dash', 'sh', '-c', `cd /srv/app && ./bin/job --id ${n} >> /var/log/app/job.log 2>&1`],
  (n) => ['/usr/bin/bash', '/bin/bash', `/opt/ci/build-${n % 997}/run.sh`, '--stage', 'test'],
  (n) => [
    '/usr/bin/python3.11',
    'python3',
    '-m',
    'worker',
    '--queue',
    `q${n % 31}`,
    '--task',
    (n * 2654435761).toString(16),
  ],
  (n) => ['/usr/bin/make', 'make', '-C', `/build/pkg-${n % 4999}`, '-j2', 'all'],
];
const COMMANDS: readonly Command[] = [
  () => ['/usr/bin/uname', 'uname', '-m'],
  (n) => ['/usr/bin/grep', 'grep', '-E', `^(id|name)=${n}$`, '/etc/app/app.conf'],
  (n) => ['/usr/bin/cat', 'cat', `/proc/${n % PID_MAX}/status`],
  (n) => ['/usr/bin/date', 'date', '-d', `@${1_700_000_000 + n}`, '+%F %T'],
  (n) => ['/usr/bin/curl', 'curl', '-fsS', '--max-time', '5', `https://10.0.${n % 255}.7/health?n=${n}`],
  (n) => [
    '/usr/bin/gcc',
    'gcc',
    '-O2',
    '-Wall',
    '-c',
    `src/unit_${n % 6007}.c`,
    '-o',
    `obj/unit_${n % 6007}.o`,
    '-I',
    'include',
  ],
];
const SERVICES = [
  '/usr/sbin/cron',
  '/usr/sbin/sshd',
  '/usr/bin/containerd',
  '/usr/sbin/nginx',
  '/opt/agent/bin/agentd',
];

export class SoakLog {
  #random: number;
  #serial = 1;
  #unixMs = 1_790_000_000_000;
  #lastPid = FIRST_PID;
  #execs = 0;
  #lines: string[] = [];
  readonly #services: Living[] = [];
  readonly #alive: Living[] = [];
  readonly #pidsAlive = new Set<number>();

  constructor(seed = 1) {
    this.#random = seed;
  }

  /** The next execs, with the forks before and the exits after them, as text of a raw log. */
  next(execs: number): string {
    this.#lines = [];
    const end = this.#execs + execs;
    if (this.#execs === 0) this.#boot();
    while (this.#execs < end) this.#step();
    return `${this.#lines.join('\n')}\n`;
  }

  #boot(): void {
    const init: Living = { pid: 1, ppid: 0, depth: 0, uid: 0, exe: '/usr/lib/systemd/systemd', toStart: Infinity };
    this.#exec(init, [init.exe, '/sbin/init']);
    for (const exe of SERVICES) {
      const service = this.#fork(init, Infinity);
      this.#exec(service, [exe, exe, '-f']);
      this.#services.push(service);
    }
  }

  #step(): void {
    this.#unixMs += this.#below(12);
    const parent = (this.#below(8) > 0 && this.#pick(this.#alive)) || this.#pick(this.#services);
    if (!parent) return;
    const goesOn = parent.depth < MAX_DEPTH && this.#alive.length < MAX_ALIVE && this.#below(100) < 45;
    const child = this.#fork(parent, goesOn ? 1 + this.#below(12) : 0);
    const command = this.#pick(goesOn ? SCRIPTS : COMMANDS);
    // env(1) and the like: one process, two images.
    if (this.#below(20) === 0) this.#exec(child, ['/usr/bin/env', 'env', `RUN=${this.#execs}`]);
    if (command) this.#exec(child, command(this.#execs));
    if (goesOn) this.#alive.push(child);
    else this.#exit(child);
    if (--parent.toStart <= 0) {
      this.#alive.splice(this.#alive.indexOf(parent), 1);
      this.#exit(parent);
    }
  }

  #fork(parent: Living, toStart: number): Living {
    const pid = this.#freePid();
    const uid = parent.depth === 1 ? (this.#below(2) === 0 ? 0 : 1000 + this.#below(20)) : parent.uid;
    this.#record(parent, CALLS.clone, pid);
    this.#pidsAlive.add(pid);
    return { pid, ppid: parent.pid, depth: parent.depth + 1, uid, exe: parent.exe, toStart };
  }

  #exec(process: Living, [exe, ...args]: readonly [string, ...string[]]): void {
    process.exe = exe;
    const stamp = this.#record(process, CALLS.execve, 0);
    const argv = args.map((arg, i) => `a${i}=${untrusted(arg)}`).join(' ');
    const path = (item: number, name: string, inode: number) =>
      `type=PATH ${stamp}item=${item} name="${name}" inode=${inode} dev=fd:00 mode=0100755 ouid=0 ogid=0 rdev=00:00 nametype=NORMAL cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0 cap_frootid=0`;
    this.#lines.push(
      `type=EXECVE ${stamp}argc=${args.length} ${argv}`,
      `type=CWD ${stamp}cwd="/srv/app/work/${process.ppid}"`,
      path(0, exe, 1000 + exe.length),
      path(1, '/lib64/ld-linux-x86-64.so.2', 338944),
      `type=PROCTITLE ${stamp}proctitle=${hex(args.join('\0'))}`,
      `type=EOE ${stamp}`,
    );
    this.#execs++;
  }

  #exit(process: Living): void {
    this.#record(process, CALLS.exit_group, undefined);
    this.#pidsAlive.delete(process.pid);
  }

  /** One SYSCALL record; returns the start of the event's other records. */
  #record({ pid, ppid, uid, exe }: Living, call: number, exit: number | undefined): string {
    this.#serial++;
    const stamp = `msg=audit(${(this.#unixMs / 1000).toFixed(3)}:${this.#serial}): `;
    const result = exit === undefined ? '' : ` success=yes exit=${exit}`;
    const ids = `auid=${uid} uid=${uid} gid=${uid} euid=${uid} suid=${uid} fsuid=${uid} egid=${uid} sgid=${uid} fsgid=${uid}`;
    this.#lines.push(
      `type=SYSCALL ${stamp}arch=c000003e syscall=${call}${result} a0=0 a1=7ffc3c9d1f30 a2=55d0c8f2d010 a3=8 items=${call === CALLS.execve ? 2 : 0} ppid=${ppid} pid=${pid} ${ids} tty=(none) ses=${uid} comm="${exe.slice(exe.lastIndexOf('/') + 1, exe.lastIndexOf('/') + 16)}" exe="${exe}" key="process_ancestry"`,
    );
    return stamp;
  }

  #freePid(): number {
    do this.#lastPid = this.#lastPid >= PID_MAX - 1 ? FIRST_PID : this.#lastPid + 1;
    while (this.#pidsAlive.has(this.#lastPid));
    return this.#lastPid;
  }

  #pick<T>(list: readonly T[]): T | undefined {
    return list[this.#below(list.length)];
  }

  /** xorshift32 (Marsaglia 2003): the same log each time. */
  #below(limit: number): number {
    this.#random ^= this.#random << 13;
    this.#random ^= this.#random >>> 17;
    this.#random ^= this.#random << 5;
    return (this.#random >>> 0) % Math.max(1, limit);
  }
}

const hex = (text: string): string => Buffer.from(text).toString('hex').toUpperCase();

/** As the kernel writes untrusted text (kernel/audit.c, audit_log_untrustedstring). */
const untrusted = (text: string): string => (/^[!#-~]*$/.test(text) ? `"${text}"` : hex(text));
