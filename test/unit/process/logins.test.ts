import { describe, expect, test } from 'vitest';
import { KernelModel } from './kernel_model.ts';
import { TreeHarness } from './tree_harness.ts';

/** A session by ssh with audit's session id 7, its shell with pid 11. */
function session(kernel = new KernelModel(), sshd = 'sshd'): KernelModel {
  kernel.fork(1, 10);
  kernel.exec(10, sshd);
  kernel.fork(10, 11);
  kernel.setsid(11);
  kernel.exec(11, 'bash -l', { ses: 7 });
  return kernel;
}

/** A harness whose /proc shows the session's server, with a connection from an address. */
function withServer(peer: string): TreeHarness {
  const harness = new TreeHarness();
  harness.proc.show(10, 1, 'sshd', 100_000);
  harness.proc.peers.set(10, peer);
  return harness;
}

describe('the origin of a session', () => {
  test('is what sshd sent to audit, for all processes in it', () => {
    const kernel = new KernelModel();
    kernel.login(7, '192.0.2.7');
    session(kernel);
    kernel.fork(11, 12);
    kernel.exec(12, 'ls', { ses: 7 });
    const harness = withServer('203.0.113.1');
    harness.run(kernel);
    expect(harness.row('bash -l').entryAddress).toBe('192.0.2.7');
    expect(harness.row('ls').entryAddress).toBe('192.0.2.7');
  });

  test('is not lost by sudo, which opens a session without an address', () => {
    const kernel = new KernelModel();
    kernel.login(7, '192.0.2.7');
    session(kernel);
    kernel.login(7, '');
    kernel.fork(11, 12);
    kernel.exec(12, 'sudo ls', { ses: 7 });
    expect(new TreeHarness().run(kernel).row('sudo ls').entryAddress).toBe('192.0.2.7');
  });

  test('is not the address from sudo, which is this host’s own', () => {
    const kernel = new KernelModel();
    kernel.login(7, '192.0.2.7', '/usr/lib/openssh/sshd-session (deleted)');
    session(kernel);
    kernel.login(7, '127.0.1.1', '/usr/bin/sudo');
    kernel.fork(11, 12);
    kernel.exec(12, 'sudo ls', { ses: 7 });
    expect(new TreeHarness().run(kernel).row('sudo ls').entryAddress).toBe('192.0.2.7');
  });

  test('is not the address of the session in which the server was started', () => {
    const kernel = new KernelModel();
    kernel.login(7, '192.0.2.7');
    kernel.fork(1, 10);
    kernel.exec(10, 'sshd -p 2222', { ses: 7 });
    kernel.fork(10, 11);
    kernel.setsid(11);
    kernel.exec(11, 'bash -l', { ses: 7 });
    const harness = withServer('203.0.113.1');
    expect(harness.run(kernel).row('bash -l').entryAddress).toBe('203.0.113.1');
  });

  test('is the peer of sshd’s connection at its exec, if audit has no record', () => {
    const harness = withServer('2001:db8::7');
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.exec(10, 'sshd');
    harness.run(kernel);
    // The server has ended before its session's first row.
    harness.proc.shown.delete(10);
    kernel.fork(10, 11);
    kernel.setsid(11);
    kernel.exec(11, 'bash -l', { ses: 7 });
    expect(harness.run(kernel).row('bash -l').entryAddress).toBe('2001:db8::7');
  });

  test('is read from sshd when /proc shows it: the session may end before its first row', () => {
    const harness = withServer('192.0.2.7');
    harness.tree.processes.adopt([
      harness.proc.show(10, 1, 'sshd', 50),
      harness.proc.show(11, 10, 'bash -l', 60, false, { sid: 11 }),
    ]);
    harness.tree.askServers();
    harness.tree.askServers();
    expect(harness.proc.peersAsked).toEqual([10]);
    harness.proc.shown.clear();
    const kernel = new KernelModel();
    const shell = { pid: 11, cmdline: 'bash -l', creator: [], parent: 10, alive: true, sid: 11, pgid: 11 };
    kernel.processes.set(11, shell);
    kernel.fork(11, 12);
    kernel.exec(12, 'ls');
    expect(harness.run(kernel).row('ls').entryAddress).toBe('192.0.2.7');
  });

  test('is read from the privileged process first, also with a server that does not execute itself for a connection', () => {
    const harness = withServer('');
    const kernel = new KernelModel();
    kernel.fork(1, 10);
    kernel.exec(10, 'sshd');
    for (const [by, pid, peer] of [
      [10, 11, '192.0.2.7'],
      [11, 12, '198.51.100.1'],
    ] as const) {
      const { bootMs } = kernel.fork(by, pid);
      harness.proc.show(pid, by, 'sshd', Math.floor(bootMs / 10));
      harness.proc.peers.set(pid, peer);
    }
    kernel.fork(12, 13);
    kernel.setsid(13);
    kernel.exec(13, 'bash -l');
    expect(harness.run(kernel).row('bash -l').entryAddress).toBe('192.0.2.7');
  });

  test('is read from sshd once per session', () => {
    const harness = withServer('');
    const kernel = session();
    harness.run(kernel);
    const asked = harness.proc.peersAsked.length;
    harness.proc.peers.set(10, '198.51.100.1');
    for (const pid of [12, 13]) {
      kernel.fork(11, pid);
      kernel.exec(pid, `ls ${pid}`, { ses: 7 });
    }
    harness.run(kernel);
    expect(harness.row('ls 13').entryAddress).toBe('');
    expect(harness.proc.peersAsked.length).toBe(asked);
  });

  test('is not read from another process with the server’s pid', () => {
    const harness = withServer('192.0.2.7');
    harness.proc.show(10, 1, 'curl', 200_000);
    expect(harness.run(session()).row('bash -l').entryAddress).toBe('');
    expect(harness.proc.peersAsked).toEqual([]);
  });

  test('is not that of another session, nor given to processes that did not come by ssh', () => {
    const kernel = new KernelModel();
    kernel.login(8, '192.0.2.8');
    expect(new TreeHarness().run(session(kernel)).row('bash -l').entryAddress).toBe('');
    const cron = new KernelModel();
    cron.login(7, '192.0.2.7');
    const harness = withServer('192.0.2.7');
    expect(harness.run(session(cron, 'cron')).row('bash -l').entryAddress).toBe('');
  });
});
