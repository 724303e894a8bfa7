/** Makes an audit log of execs under a chain of shells, for tests and benchmarks of large answers. */
export function logOfExecs(count: number, chainLength = 8): string {
  const lines: string[] = [];
  let serial = 1;
  const at = () => `audit(${(1_790_000_000 + serial / 1000).toFixed(3)}:${serial})`;
  const ids =
    'auid=1000 uid=1000 gid=1000 euid=1000 suid=1000 fsuid=1000 egid=1000 sgid=1000 fsgid=1000 tty=pts0 ses=3';
  // Init and the chain below it; 2 is the kernel's.
  const pidAt = (level: number) => (level <= 1 ? level : 100 + level);
  const fork = (level: number, child: number) => {
    serial++;
    lines.push(
      `type=SYSCALL msg=${at()}: arch=c000003e syscall=57 success=yes exit=${child} items=0 ppid=${pidAt(level - 1)} pid=${pidAt(level)} ${ids} comm="sh" exe="/usr/bin/dash"`,
    );
  };
  const exec = (pid: number, ppid: number, args: readonly string[], exe: string) => {
    serial++;
    const stamp = at();
    const argv = args.map((arg, i) => `a${i}=${Buffer.from(arg).toString('hex').toUpperCase()}`).join(' ');
    lines.push(
      `type=SYSCALL msg=${stamp}: arch=c000003e syscall=59 success=yes exit=0 items=2 ppid=${ppid} pid=${pid} ${ids} comm="x" exe="${exe}"`,
      `type=EXECVE msg=${stamp}: argc=${args.length} ${argv}`,
      `type=CWD msg=${stamp}: cwd="/home/someone/work/project"`,
      `type=PATH msg=${stamp}: item=0 name="${exe}" inode=77 dev=fd:00 mode=0100755 ouid=0 ogid=0 rdev=00:00`,
      `type=EOE msg=${stamp}:`,
    );
  };
  exec(1, 0, ['/sbin/init'], '/usr/lib/systemd/systemd');
  for (let level = 2; level <= chainLength; level++) {
    fork(level - 1, pidAt(level));
    exec(
      pidAt(level),
      pidAt(level - 1),
      ['/bin/sh', '-c', `level ${level} of the chain; some more words to make it as long as they are`],
      '/usr/bin/dash',
    );
  }
  for (let n = 0; lines.length > 0 && n < count - chainLength; n++) {
    const pid = 1000 + (n % 30_000);
    fork(chainLength, pid);
    exec(
      pid,
      pidAt(chainLength),
      ['/usr/bin/job', '--number', String(n), '--output', `/var/tmp/job/${n}/result.txt`],
      '/usr/bin/job',
    );
  }
  return `${lines.join('\n')}\n`;
}
