/** Formats a session in one line. */
import type { LocalTimes } from './clock_text.ts';
import type { SessionKind, TreeSession } from './document.ts';

/** Display names of session kinds. */
export const KIND_NAMES: Readonly<Record<SessionKind, string>> = {
  init: 'init',
  kthread: 'kernel threads',
  service: 'service',
  sshd: 'ssh',
  ssm: 'SSM session',
  container: 'container',
  terminal: 'virtual terminal',
  console: 'console',
  tty: 'terminal',
  unknown: 'unknown entry',
};

/** `ssh: deploy from 203.0.113.24 on pts/0 (10:04:35 to 10:05:01)`. */
export function sessionText(session: TreeSession, { short }: Pick<LocalTimes, 'short'>): string {
  const { kind, name, user, tty, source_ip, from_time, to_time } = session;
  const hasPerson = kind === 'sshd' || kind === 'terminal' || kind === 'console' || kind === 'tty';
  const who = hasPerson ? user : `${name}${user === '' ? '' : ` as ${user}`}`;
  const from = source_ip === '' ? '' : ` from ${source_ip}`;
  const on = tty === '' ? '' : ` on ${tty}`;
  const [begin, end] = [short(from_time), short(to_time)];
  const when = begin === '' ? '' : begin === end ? ` (${begin})` : ` (${begin} to ${end})`;
  return `${KIND_NAMES[kind]}: ${who}${from}${on}${when}`;
}
