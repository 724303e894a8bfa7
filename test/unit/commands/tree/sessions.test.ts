import { expect, test } from 'vitest';
import { incident } from '../../../tree/incident.ts';
import { Scene } from '../../../tree/scene.ts';

test('sessions are the logins, the services of init, and the kernel', () => {
  const { sessions } = incident().document();
  expect(sessions.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
    ...['init systemd', 'service systemd-journald', 'service cron', 'service sshd', 'sshd bash', 'sshd bash'],
    ...['service postgres', 'service nginx', 'service php-fpm8.2', 'kthread [kthreadd]'],
  ]);
});

test('a login has its user, address and terminal, also after a change of user', () => {
  const { sessions } = incident().document();
  const login = sessions.find(({ user }) => user === 'deploy');
  expect(login).toMatchObject({ kind: 'sshd', tty: 'pts/0', source_ip: '203.0.113.24', failed: 3 });
});

test('every process is in one session, and the sessions count them all', () => {
  const { sessions, processes } = incident().document();
  expect(sessions.reduce((sum, one) => sum + one.processes, 0)).toBe(processes.length);
  const failed = processes.filter(({ exit_code }) => (exit_code ?? 0) !== 0).length;
  expect(sessions.reduce((sum, one) => sum + one.failed, 0)).toBe(failed);
});

test('a terminal inside a service is its own session', () => {
  const scene = new Scene();
  const init = scene.process(1, ['init'], { at: 1 });
  const tmux = scene.run(50, ['tmux'], { parent: init, at: 2 });
  const shell = scene.run(51, ['bash'], { parent: tmux, at: 3, tty: 'pts/3' });
  scene.run(52, ['ls'], { parent: shell, at: 4, tty: 'pts/3' });
  expect(scene.document().sessions.map(({ kind, processes }) => [kind, processes])).toEqual([
    ['init', 1],
    ['service', 1],
    ['tty', 2],
  ]);
});
