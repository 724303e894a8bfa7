import { describe, expect, test } from 'vitest';
import type { ExecDetails } from '../../../src/collect/event.ts';
import type { PublishedEvent } from '../../../src/process/tree.ts';
import { KernelModel } from './kernel_model.ts';
import { ancestorsOf, TreeHarness } from './tree_harness.ts';

/** The entry type, and the command line of the entry leader. */
const entryOf = ({ entry }: PublishedEvent) => [entry.type, entry.leader?.image.cmdline];

/** Programs below each other: forked, made leaders of sessions where a tty is given ('' is none), and executed. */
function chainOf(...programs: readonly (readonly [cmdline: string, tty?: string])[]): PublishedEvent {
  const kernel = new KernelModel();
  for (const [i, [cmdline, tty]] of programs.entries()) {
    kernel.fork(i === 0 ? 1 : 9 + i, 10 + i);
    if (tty !== undefined) kernel.setsid(10 + i);
    kernel.exec(10 + i, cmdline, { tty: tty ?? '' });
  }
  return new TreeHarness().run(kernel).row(programs.at(-1)?.[0] ?? '');
}

describe('an entry is', () => {
  test('init for what init started, by the session leader that it started', () => {
    expect(entryOf(chainOf(['cron', ''], ['backup']))).toEqual(['init', 'cron']);
  });

  test('kthread for what the kernel starts, and its threads have no leader', () => {
    const kernel = new KernelModel();
    const harness = new TreeHarness({ actions: new Set(['exec', 'existing']) });
    const thread = (pid: number, ppid: number, comm: string) => {
      const shown = harness.proc.show(pid, ppid, comm);
      return { ...shown, executed: false, details: { ...shown.details, path: '', args: '', argsCount: 0 } };
    };
    harness.tree.processes.adopt([thread(2, 0, 'kthreadd'), thread(40, 2, 'kworker')]);
    kernel.processes.set(40, { pid: 40, cmdline: 'kworker', creator: [], parent: 2, alive: true, sid: 0, pgid: 0 });
    kernel.fork(40, 41);
    kernel.exec(41, 'modprobe');
    expect(entryOf(harness.run(kernel).row('modprobe'))).toEqual(['kthread', 'modprobe']);
    harness.tree.publishExisting({ bootMs: kernel.bootMs, unixMs: kernel.bootMs });
    const existing = harness.published.filter(({ action }) => action === 'existing');
    const ofPid = (pid: number) => existing.find(({ process }) => process.pid === pid)?.entry;
    expect(ofPid(1)).toEqual({ type: 'init', leader: undefined });
    for (const pid of [2, 40]) expect(ofPid(pid)).toEqual({ type: 'kthread', leader: undefined });
  });

  test.each(['sshd', 'sshd-session', 'sshd-auth'])('sshd for the session leader whose parent is %s', (sshd) => {
    expect(entryOf(chainOf(['sshd -D', ''], [sshd, ''], ['bash -l', 'pts/0'], ['ls']))).toEqual(['sshd', 'bash -l']);
  });

  test('not sshd for sshd itself, nor for what it runs within its own session', () => {
    expect(entryOf(chainOf(['sshd -D', ''], ['sshd-session -R', '']))).toEqual(['init', 'sshd -D']);
    expect(entryOf(chainOf(['sshd -D', ''], ['helper']))).toEqual(['init', 'sshd -D']);
  });

  test('ssm for a session of the agent’s worker', () => {
    expect(entryOf(chainOf(['amazon-ssm-agent', ''], ['ssm-session-worker x', ''], ['sh', 'pts/0']))).toEqual([
      'ssm',
      'sh',
    ]);
  });

  test('ssm for a command of the agent’s worker that is no session of its own', () => {
    const worker = ['ssm-session-worker x'] as const;
    expect(entryOf(chainOf(['amazon-ssm-agent', ''], worker, ['sh -c id'], ['id']))).toEqual(['ssm', 'sh -c id']);
    expect(entryOf(chainOf(['amazon-ssm-agent', ''], worker))).toEqual(['ssm', 'ssm-session-worker x']);
  });

  test.each(['runc init', 'docker-runc', 'crun', 'conmon', 'containerd-shim-runc-v2', 'docker-init'])(
    'container for what %s executes, whether or not it leads a session',
    (runtime) => {
      expect(entryOf(chainOf(['containerd', ''], [runtime], ['entrypoint'], ['worker']))).toEqual([
        'container',
        'entrypoint',
      ]);
    },
  );

  test('container for the first process that a runtime puts into one, and the same for what that starts', () => {
    const docker = ['containerd-shim-runc-v2', ''] as const;
    for (const init of ['docker-init -- entrypoint', 'tini -- entrypoint', 'catatonit -P']) {
      expect(entryOf(chainOf(docker, ['runc'], [init]))).toEqual(['container', init]);
      expect(entryOf(chainOf(docker, ['runc'], [init], ['entrypoint'], ['worker']))).toEqual(['container', init]);
      expect(entryOf(chainOf(docker, [init], ['entrypoint']))).toEqual(['container', init]);
    }
  });

  test('not container for a runtime itself, nor for what it runs from a copy of its file', () => {
    expect(entryOf(chainOf(['containerd-shim-runc-v2', ''], ['runc']))).toEqual(['init', 'containerd-shim-runc-v2']);
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.exec(10, 'runc create');
    kernel.fork(10, 11);
    kernel.exec(11, 'runc init', { path: '/memfd:runc_cloned:/proc/self/exe (deleted)' });
    kernel.fork(11, 12);
    kernel.exec(12, 'entrypoint');
    const harness = new TreeHarness().run(kernel);
    expect(entryOf(harness.row('runc init'))).toEqual(['init', 'runc create']);
    expect(entryOf(harness.row('entrypoint'))).toEqual(['container', 'entrypoint']);
  });

  test('not container for the podman that conmon starts after a container has ended', () => {
    expect(entryOf(chainOf(['conmon', ''], ['podman container cleanup']))).toEqual(['init', 'conmon']);
    expect(entryOf(chainOf(['conmon', ''], ['crun'], ['podman info']))).toEqual(['container', 'podman info']);
  });

  test('terminal on a virtual terminal, console on a real one', () => {
    expect(entryOf(chainOf(['login', 'tty1'], ['ls']))).toEqual(['terminal', 'login']);
    for (const tty of ['console', 'ttyS0', 'hvc0']) {
      expect(entryOf(chainOf(['login', tty], ['ls']))).toEqual(['console', 'login']);
    }
  });

  test('inherited by a daemon that leads a session of its own, and by what it starts on a terminal of its own', () => {
    const tmux = chainOf(['sshd', ''], ['bash -l', 'pts/0'], ['tmux', ''], ['bash', 'pts/1'], ['vi']);
    expect(entryOf(tmux)).toEqual(['sshd', 'bash -l']);
  });

  test('not the daemon itself that was started at a terminal and left it', () => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.setsid(10);
    kernel.exec(10, 'login', { tty: 'tty1' });
    kernel.fork(10, 11);
    kernel.exec(11, 'daemon', { tty: 'tty1' });
    kernel.setsid(11);
    kernel.fork(11, 12);
    kernel.exec(12, 'worker');
    expect(entryOf(new TreeHarness().run(kernel).row('worker'))).toEqual(['terminal', 'login']);
  });

  test('known from terminals in a log without sessions', () => {
    const log = (...programs: readonly (readonly [cmdline: string, tty: string])[]) => {
      const kernel = new KernelModel();
      for (const [i, [cmdline, tty]] of programs.entries()) {
        kernel.fork(i === 0 ? 1 : 9 + i, 10 + i);
        kernel.exec(10 + i, cmdline, { tty });
      }
      const harness = new TreeHarness();
      for (const process of harness.tree.processes.living()) process.session = undefined;
      return entryOf(harness.run(kernel).row(programs.at(-1)?.[0] ?? ''));
    };
    expect(log(['sshd -D', ''], ['sshd -R', ''], ['bash -l', 'pts/0'], ['ls', 'pts/0'])).toEqual(['sshd', 'bash -l']);
    expect(log(['sshd -D', ''], ['sshd -R', ''])).toEqual(['init', 'sshd -D']);
    expect(log(['login', 'tty1'], ['bash', 'tty1'], ['ls', 'tty1'])).toEqual(['terminal', 'login']);
  });

  test('unknown if the ancestors are unknown', () => {
    const kernel = new KernelModel();
    const harness = new TreeHarness();
    harness.tree.processes.adopt([harness.proc.show(900, 899, 'orphan')]);
    kernel.processes.set(900, { pid: 900, cmdline: 'orphan', creator: [], parent: 899, alive: true, sid: 1, pgid: 1 });
    kernel.fork(900, 901);
    kernel.exec(901, 'child');
    expect(entryOf(harness.run(kernel).row('child'))).toEqual(['unknown', undefined]);
  });
});

describe('a name proves nothing', () => {
  /** The entry of a program's child in its own session, if the program executed like that. */
  const entryBelow = (program: string, details: Partial<ExecDetails>, before: Partial<ExecDetails> = {}) => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.setsid(10);
    kernel.exec(10, 'login');
    kernel.fork(10, 11);
    kernel.exec(11, 'bash', before);
    kernel.fork(11, 12);
    kernel.exec(12, program, details);
    kernel.fork(12, 13);
    kernel.setsid(13);
    kernel.exec(13, 'child', { uid: 1000, euid: 1000, ...before });
    return entryOf(new TreeHarness().run(kernel).row('child'));
  };
  const PROGRAMS = [
    ...['sshd', 'sshd-session', 'ssm-session-worker', 'runc', 'crun', 'conmon', 'containerd-shim-runc-v2', 'lxc-start'],
    ...['systemd-nspawn', 'docker-init', 'tini', 'catatonit'],
  ];

  test.each(PROGRAMS)('without the proof that root executed the host’s own %s', (program) => {
    const notProven: Partial<ExecDetails>[] = [
      { ownerUid: 1000 },
      { ownerUid: undefined, mode: undefined },
      { mode: 0o100775 },
      { mode: 0o100757 },
      { uid: 1000, euid: 1000 },
      // A setuid program under another name.
      { uid: 1000, mode: 0o104755 },
      { uid: undefined, euid: undefined },
      { root: '/tmp/u/jail' },
      { root: 'mnt:[4026532700]' },
      { pidNamespace: 4026532600 },
    ];
    for (const details of notProven) {
      expect([details, ...entryBelow(program, details)]).toEqual([details, 'init', 'login']);
    }
    for (const details of [{}, { root: '/' }, { pidNamespace: 0xeffffffc }]) {
      expect(entryBelow(program, details)[1]).toBe('child');
    }
  });

  test('of a memory file that no runtime made', () => {
    const path = '/memfd:runc_cloned:/proc/self/exe (deleted)';
    expect(entryBelow('runc', { path, mode: 0o100777 })).toEqual(['init', 'login']);
    const ofRuntime = (more: Partial<ExecDetails>) => {
      const kernel = new KernelModel();
      kernel.fork(1, 10);
      kernel.exec(10, 'crun run');
      kernel.exec(10, 'crun', { path, mode: 0o100777, ...more });
      kernel.fork(10, 11);
      kernel.exec(11, 'entrypoint');
      return entryOf(new TreeHarness().run(kernel).row('entrypoint'));
    };
    expect(ofRuntime({})).toEqual(['container', 'entrypoint']);
    for (const more of [{ uid: 1000 }, { euid: 1000 }, { ownerUid: 1000 }]) {
      expect(ofRuntime(more)).toEqual(['init', 'crun']);
    }
  });

  test.each(['tty1', 'ttyS0'])('of a terminal, %s, that root did not give', (tty) => {
    const leader = (more: Partial<ExecDetails>, above: Partial<ExecDetails>) => {
      const kernel = new KernelModel();
      kernel.fork(1, 10);
      kernel.setsid(10);
      kernel.exec(10, 'server');
      kernel.fork(10, 11);
      kernel.exec(11, 'above', above);
      kernel.fork(11, 12);
      kernel.setsid(12);
      kernel.exec(12, 'leader', { tty, ...more });
      return entryOf(new TreeHarness().run(kernel).row('leader'));
    };
    const user = { uid: 1000, euid: 1000 };
    expect(leader(user, user)).toEqual(['init', 'server']);
    expect(leader(user, { ownerUid: 1000 })).toEqual(['init', 'server']);
    expect(leader(user, {})[1]).toBe('leader');
  });

  test('in a user namespace that is not the first', () => {
    const entryIn = (userNamespace: number | undefined) => {
      const kernel = new KernelModel();
      kernel.fork(1, 10);
      kernel.setsid(10);
      kernel.exec(10, 'sshd -D');
      kernel.fork(10, 11);
      kernel.setsid(11);
      kernel.exec(11, 'bash');
      const harness = new TreeHarness();
      const shown = harness.proc.show(10, 1, 'sshd -D', 100_000);
      harness.proc.shown.set(10, { ...shown, details: { ...shown.details, userNamespace } });
      return entryOf(harness.run(kernel).row('bash'));
    };
    expect(entryIn(4026532500)).toEqual(['init', 'sshd -D']);
    expect(entryIn(0xeffffffd)).toEqual(['sshd', 'bash']);
    expect(entryIn(undefined)).toEqual(['sshd', 'bash']);
  });
});

describe('a process with pid 1 as parent has the entry init', () => {
  const LOGGED_IN = { auid: 1000, ses: 3 };
  /** As the harness has init's own. */
  const AS_INIT = { auid: 1000, ses: 1 };
  /** The entry of what a daemon starts that /proc shows below pid 1. */
  const below = (details: Partial<ExecDetails>, cgroup = '') => {
    const harness = new TreeHarness();
    const shown = harness.proc.show(10, 1, 'daemon', 1, false, { sid: 10 });
    harness.tree.processes.adopt([{ ...shown, details: { ...shown.details, cgroup, ...details } }]);
    const kernel = new KernelModel();
    kernel.processes.set(10, { pid: 10, cmdline: 'daemon', creator: [], parent: 1, alive: true, sid: 10, pgid: 10 });
    kernel.fork(10, 11);
    kernel.exec(11, 'ls', details);
    return entryOf(harness.run(kernel).row('ls'));
  };

  test('if pid 1 was seen to fork it, with any ids', () => {
    const kernel = new KernelModel();
    Object.assign(kernel.fork(1, 10), { parentStartMs: 0 });
    kernel.exec(10, 'service', LOGGED_IN);
    expect(entryOf(new TreeHarness().run(kernel).row('service'))).toEqual(['init', 'service']);
  });

  test('if no ancestor has logged in', () => {
    expect(below(AS_INIT)).toEqual(['init', 'daemon']);
  });

  test('but not if it may be adopted from a login', () => {
    expect(below(LOGGED_IN)).toEqual(['unknown', undefined]);
    expect(below({ ...AS_INIT, auid: 1001 })).toEqual(['unknown', undefined]);
  });

  test('but not if its ids are not known', () => {
    expect(below({ ...AS_INIT, uid: undefined })).toEqual(['unknown', undefined]);
  });

  test('if it is a user’s service manager, by the group that pid 1 put it into', () => {
    const manager = '/user.slice/user-1000.slice/user@1000.service';
    expect(below(LOGGED_IN, `${manager}/init.scope`)).toEqual(['init', 'daemon']);
    for (const other of ['session-3.scope', `session-3.scope${manager}`, 'user@1001.service', 'user@1000.service.d'])
      expect(below(LOGGED_IN, `/user.slice/user-1000.slice/${other}`), other).toEqual(['unknown', undefined]);
  });

  test('but not if a process that pid 1 adopted created it with CLONE_PARENT', () => {
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.exec(10, 'sh', AS_INIT);
    kernel.fork(10, 11);
    kernel.setsid(11);
    kernel.exec(11, 'daemon', LOGGED_IN);
    kernel.exit(10);
    kernel.fork(11, 12, { cloneParent: true });
    kernel.setsid(12);
    kernel.exec(12, 'forged', LOGGED_IN);
    const harness = new TreeHarness().run(kernel);
    expect(entryOf(harness.row('daemon'))).toEqual(['init', 'sh']);
    expect(ancestorsOf(harness.row('forged'))[0]?.pid).toBe(1);
    expect(entryOf(harness.row('forged'))).toEqual(['unknown', undefined]);
  });

  test('and an adopted process gets no terminal entry from it', () => {
    const onConsole = { ...LOGGED_IN, uid: 1000, euid: 1000, tty: 'ttyS0' };
    expect(below(onConsole)).toEqual(['unknown', undefined]);
    expect(below({ ...onConsole, ...AS_INIT })).toEqual(['console', 'daemon']);
  });
});

describe('an sshd that gave up its privileges', () => {
  const USER = { uid: 1000, euid: 1000 };
  const met = (unprivileged: { executed: boolean; inode: number }) => {
    const harness = new TreeHarness();
    const show = (pid: number, ppid: number, cmdline: string, more: object = {}, hasExecuted = true) => {
      const shown = harness.proc.show(pid, ppid, cmdline, pid);
      return { ...shown, hasExecuted, details: { ...shown.details, sid: pid, inode: 7, ...more } };
    };
    const { executed, inode } = unprivileged;
    harness.tree.processes.adopt([
      show(10, 1, 'sshd -D'),
      show(11, 10, 'sshd'),
      show(12, 11, 'sshd', { ...USER, inode, sid: 11 }, executed),
      show(13, 12, 'bash -l', USER),
    ]);
    harness.proc.peers.set(11, '192.0.2.7').set(12, '198.51.100.9');
    for (const pid of [10, 11, 12]) harness.proc.show(pid, 1, 'sshd', pid);
    const kernel = new KernelModel();
    kernel.processes.set(13, { pid: 13, cmdline: 'bash -l', creator: [], parent: 12, alive: true, sid: 13, pgid: 13 });
    kernel.fork(13, 14);
    kernel.exec(14, 'ls', USER);
    return { harness, row: harness.run(kernel).row('ls') };
  };

  test('is a link of the session of the privileged one, whose connection tells the address', () => {
    const { row, harness } = met({ executed: false, inode: 7 });
    expect(entryOf(row)).toEqual(['sshd', 'bash -l']);
    expect(row.entryAddress).toBe('192.0.2.7');
    expect(harness.proc.peersAsked).toEqual([11]);
  });

  test('is none if it executed, or runs another file', () => {
    expect(entryOf(met({ executed: true, inode: 7 }).row)).toEqual(['init', 'sshd -D']);
    expect(entryOf(met({ executed: false, inode: 8 }).row)).toEqual(['init', 'sshd -D']);
  });
});

test('the entry leader is described as it was when it forked', () => {
  const kernel = new KernelModel();
  kernel.fork(1, 10);
  kernel.exec(10, 'sshd');
  kernel.fork(10, 11);
  kernel.setsid(11);
  kernel.exec(11, 'bash -l');
  kernel.fork(11, 12);
  kernel.exec(11, 'zsh');
  kernel.exec(12, 'child of bash');
  kernel.fork(11, 13);
  kernel.exec(13, 'child of zsh');
  const harness = new TreeHarness().run(kernel);
  expect(entryOf(harness.row('child of bash'))).toEqual(['sshd', 'bash -l']);
  expect(entryOf(harness.row('child of zsh'))).toEqual(['sshd', 'zsh']);
});
