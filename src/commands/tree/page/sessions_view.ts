/** List of sessions, on the left. */
import type { LocalTimes } from '../clock_text.ts';
import type { SessionKind, TreeSession } from '../document.ts';
import { KIND_NAMES } from '../session_text.ts';
import { byId, element, marked } from './element.ts';

const BADGES: Readonly<Record<SessionKind, string>> = {
  init: 'init',
  kthread: 'krn',
  service: 'svc',
  sshd: 'ssh',
  ssm: 'ssm',
  container: 'box',
  terminal: 'vt',
  console: 'con',
  tty: 'tty',
  unknown: '?',
};
/** Order of groups: logins first, the kernel last. */
const ORDER: readonly SessionKind[] = [
  ...(['sshd', 'ssm', 'terminal', 'console', 'tty', 'container'] as const),
  ...(['unknown', 'service', 'init', 'kthread'] as const),
];

export class SessionsView {
  readonly #nav = byId('sessions', HTMLElement);
  readonly #items = new Map<string, HTMLButtonElement>();
  readonly #onChoose: (entityId: string) => void;

  constructor(sessions: readonly TreeSession[], times: LocalTimes, onChoose: (entityId: string) => void) {
    this.#onChoose = onChoose;
    const all = sessions.reduce((sum, { processes }) => sum + processes, 0);
    const list = element('ul', '');
    list.append(this.#item('', element('span', 'line', element('b', '', 'All sessions'), count(all))));
    let group = '';
    for (const session of sessions.toSorted((a, b) => rank(a) - rank(b) || newest(b) - newest(a))) {
      const title = groupOf(session.kind);
      if (title !== group) list.append(element('li', 'group', title));
      group = title;
      list.append(this.#item(session.entity_id, ...sessionLines(session, times)));
    }
    this.#nav.replaceChildren(list);
  }

  show(chosen: string): void {
    for (const [entityId, item] of this.#items) {
      if (entityId === chosen) item.setAttribute('aria-current', 'true');
      else item.removeAttribute('aria-current');
    }
    this.#items.get(chosen)?.scrollIntoView({ block: 'nearest' });
  }

  #item(entityId: string, ...lines: readonly HTMLElement[]): HTMLLIElement {
    const item = element('button', 'session', ...lines);
    item.type = 'button';
    item.dataset.session = entityId;
    item.addEventListener('click', () => this.#onChoose(entityId));
    this.#items.set(entityId, item);
    return element('li', '', item);
  }
}

function rank({ kind }: TreeSession): number {
  return ORDER.indexOf(kind);
}

function newest({ to_time }: TreeSession): number {
  return to_time ?? 0;
}

function groupOf(kind: SessionKind): string {
  if (kind === 'service' || kind === 'init' || kind === 'kthread') return 'Of the host';
  return kind === 'container' ? 'Containers' : kind === 'unknown' ? 'Other' : 'People';
}

function count(processes: number): HTMLElement {
  return element('span', 'count', String(processes));
}

function sessionLines(session: TreeSession, { short }: LocalTimes): HTMLElement[] {
  const { kind, name, user, tty, source_ip, from_time, to_time, processes, failed } = session;
  const isPerson = groupOf(kind) === 'People';
  const badge = element('span', `badge ${kind}`, BADGES[kind]);
  badge.title = KIND_NAMES[kind];
  const who = element('b', '', ...marked(isPerson ? user : name));
  const place = [isPerson ? '' : user, source_ip, tty].filter(Boolean).join(' · ');
  const [begin, end] = [short(from_time), short(to_time)];
  const second = element('span', 'line minor', element('span', 'place', ...marked(place)));
  if (failed > 0) second.append(element('span', 'failures', `${failed} failed`));
  const when = begin === end ? begin : `${begin} – ${end}`;
  return [element('span', 'line', badge, who, count(processes)), second, element('span', 'line minor', when)];
}
