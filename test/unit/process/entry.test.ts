import { describe, expect, test } from 'vitest';
import type { PublishedEvent } from '../../../src/process/tree.ts';
import { KernelModel } from './kernel_model.ts';
import { TreeHarness } from './tree_harness.ts';

/** What is told of how it came in, and who leads: its command line then. */
const entryOf = ({ entry }: PublishedEvent) => [entry.type, entry.link?.image.cmdline];

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
  test('init for what init started', () => {
    expect(entryOf(chainOf(['cron', ''], ['backup']))).toEqual(['init', 'init']);
  });

  test('kthread below kthreadd', () => {
    const kernel = new KernelModel();
    const harness = new TreeHarness();
    harness.tree.processes.adopt([harness.proc.show(2, 0, 'kthreadd'), harness.proc.show(40, 2, 'kworker')]);
    kernel.processes.set(40, { pid: 40, cmdline: 'kworker', creator: [], parent: 2, alive: true, sid: 0, pgid: 0 });
    kernel.fork(40, 41);
    kernel.exec(41, 'modprobe');
    expect(entryOf(harness.run(kernel).row('modprobe'))).toEqual(['kthread', 'kthreadd']);
  });

  test.each(['sshd', 'sshd-session', 'sshd-auth'])('sshd for the session leader whose parent is %s', (sshd) => {
    expect(entryOf(chainOf(['sshd -D', ''], [sshd, ''], ['bash -l', 'pts/0'], ['ls']))).toEqual(['sshd', 'bash -l']);
  });

  test('not sshd for sshd itself, nor for what it runs within its own session', () => {
    expect(entryOf(chainOf(['sshd -D', ''], ['sshd-session -R', '']))).toEqual(['init', 'init']);
    expect(entryOf(chainOf(['sshd -D', ''], ['helper']))).toEqual(['init', 'init']);
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
    expect(entryOf(chainOf(['containerd-shim-runc-v2', ''], ['runc']))).toEqual(['init', 'init']);
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.exec(10, 'runc create');
    kernel.fork(10, 11);
    kernel.exec(11, 'runc init', { path: '/memfd:runc_cloned:/proc/self/exe (deleted)' });
    kernel.fork(11, 12);
    kernel.exec(12, 'entrypoint');
    const harness = new TreeHarness().run(kernel);
    expect(entryOf(harness.row('runc init'))).toEqual(['init', 'init']);
    expect(entryOf(harness.row('entrypoint'))).toEqual(['container', 'entrypoint']);
  });

  test('not container for what conmon tells podman of one that has ended', () => {
    expect(entryOf(chainOf(['conmon', ''], ['podman container cleanup']))).toEqual(['init', 'init']);
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

  test('not a daemon’s own that was started at a terminal and has left it', () => {
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

  test('told from terminals in a log that tells nothing of sessions', () => {
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
    expect(log(['sshd -D', ''], ['sshd -R', ''])).toEqual(['init', 'init']);
    expect(log(['login', 'tty1'], ['bash', 'tty1'], ['ls', 'tty1'])).toEqual(['terminal', 'login']);
  });

  test('unknown where nobody knows who is above', () => {
    const kernel = new KernelModel();
    const harness = new TreeHarness();
    harness.tree.processes.adopt([harness.proc.show(900, 899, 'orphan')]);
    kernel.processes.set(900, { pid: 900, cmdline: 'orphan', creator: [], parent: 899, alive: true, sid: 1, pgid: 1 });
    kernel.fork(900, 901);
    kernel.exec(901, 'child');
    expect(entryOf(harness.run(kernel).row('child'))).toEqual(['unknown', undefined]);
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
