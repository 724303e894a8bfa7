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

describe('where a session came from', () => {
  test('is what sshd said to audit, for all that runs in it', () => {
    const kernel = new KernelModel();
    kernel.login(7, '192.0.2.7');
    session(kernel);
    kernel.fork(11, 12);
    kernel.exec(12, 'ls', { ses: 7 });
    const harness = new TreeHarness();
    harness.proc.clients.set(11, '203.0.113.1');
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

  test('is not what sudo says, which is this host’s own address', () => {
    const kernel = new KernelModel();
    kernel.login(7, '192.0.2.7', '/usr/lib/openssh/sshd-session (deleted)');
    session(kernel);
    kernel.login(7, '127.0.1.1', '/usr/bin/sudo');
    kernel.fork(11, 12);
    kernel.exec(12, 'sudo ls', { ses: 7 });
    expect(new TreeHarness().run(kernel).row('sudo ls').entryAddress).toBe('192.0.2.7');
  });

  test('is not where somebody came from in whose session the server was started', () => {
    const kernel = new KernelModel();
    kernel.login(7, '192.0.2.7');
    kernel.fork(1, 10);
    kernel.exec(10, 'sshd -p 2222', { ses: 7 });
    kernel.fork(10, 11);
    kernel.setsid(11);
    kernel.exec(11, 'bash -l', { ses: 7 });
    const harness = new TreeHarness();
    harness.proc.clients.set(11, '203.0.113.1');
    expect(harness.run(kernel).row('bash -l').entryAddress).toBe('203.0.113.1');
  });

  test('stays what the environment said first, whatever the leader executes with another', () => {
    const harness = new TreeHarness();
    const kernel = session();
    harness.proc.clients.set(11, '192.0.2.7');
    expect(harness.run(kernel).row('bash -l').entryAddress).toBe('192.0.2.7');
    harness.proc.clients.set(11, '198.51.100.1');
    kernel.exec(11, 'zsh', { ses: 7 });
    kernel.fork(11, 12);
    kernel.exec(12, 'ls', { ses: 7 });
    harness.run(kernel);
    expect(harness.row('zsh').entryAddress).toBe('192.0.2.7');
    expect(harness.row('ls').entryAddress).toBe('192.0.2.7');
  });

  test('is what the session leader’s environment says where audit says nothing', () => {
    const harness = new TreeHarness();
    harness.proc.clients.set(11, '2001:db8::7');
    expect(harness.run(session()).row('bash -l').entryAddress).toBe('2001:db8::7');
  });

  test('is not that of another session, nor told of what did not come by ssh', () => {
    const kernel = new KernelModel();
    kernel.login(8, '192.0.2.8');
    expect(new TreeHarness().run(session(kernel)).row('bash -l').entryAddress).toBe('');
    const cron = new KernelModel();
    cron.login(7, '192.0.2.7');
    const harness = new TreeHarness();
    harness.proc.clients.set(11, '192.0.2.7');
    expect(harness.run(session(cron, 'cron')).row('bash -l').entryAddress).toBe('');
  });
});
