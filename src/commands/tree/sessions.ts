/** Assigns processes to sessions: by the entry of their tree, or by their service of init. */
import { hasFailed, imageName, lastImage, type SessionKind, type TreeProcess, type TreeSession } from './document.ts';
import type { ForestProcess } from './forest.ts';

/** Entry types that begin a session. */
const ENTRIES: ReadonlySet<string> = new Set(['sshd', 'ssm', 'container', 'terminal', 'console', 'kthread']);

interface Sessions {
  readonly processes: readonly TreeProcess[];
  readonly sessions: readonly TreeSession[];
}

interface Growing {
  readonly kind: SessionKind;
  readonly first: ForestProcess;
  readonly members: ForestProcess[];
}

/** `processes`: in preorder, from forestOf. */
export function withSessions(processes: readonly ForestProcess[], userName: (uid: number) => string): Sessions {
  const growing: Growing[] = [];
  const placed: TreeProcess[] = [];
  const above: { process: ForestProcess; session: number }[] = [];
  for (const process of processes) {
    above.length = process.depth;
    const parent = above.at(-1);
    const own = kindOf(
      process,
      parent && { process: parent.process, kind: growing[parent.session]?.kind ?? 'unknown' },
    );
    const session = own === undefined && parent ? parent.session : growing.length;
    if (session === growing.length) growing.push({ kind: own ?? 'unknown', first: process, members: [] });
    growing[session]?.members.push(process);
    above.push({ process, session });
    placed.push({ ...process, session });
  }
  return { processes: placed, sessions: growing.map((one) => sessionOf(one, userName)) };
}

/** Kind of the session that begins with the process; undefined when it belongs to its parent's session. */
function kindOf(
  process: ForestProcess,
  parent: { readonly process: ForestProcess; readonly kind: SessionKind } | undefined,
): SessionKind | undefined {
  const { entry_type: entry, tty } = process;
  if (ENTRIES.has(entry)) return parent?.process.entry_type === entry ? undefined : (entry as SessionKind);
  if (!parent) return process.pid === 1 ? 'init' : 'unknown';
  if (tty !== '' && parent.process.tty === '') return 'tty';
  return parent.kind === 'init' ? 'service' : undefined;
}

function sessionOf({ kind, first, members }: Growing, userName: (uid: number) => string): TreeSession {
  const times = members.flatMap(({ start_time, exit_time, images }) =>
    [start_time, exit_time, ...images.map(({ time }) => time)].filter((time) => time !== null),
  );
  const login = members.find(({ auid }) => auid !== null)?.auid;
  const isLogin = kind === 'sshd' || kind === 'terminal' || kind === 'console' || kind === 'tty';
  return {
    kind,
    entity_id: first.entity_id,
    pid: first.pid,
    name: imageName(lastImage(first)),
    // The login user, independent of later changes of user.
    user: isLogin && login !== undefined && login !== null ? userName(login) : first.user,
    tty: members.find(({ tty }) => tty !== '')?.tty ?? '',
    source_ip: members.find(({ entry_source_ip }) => entry_source_ip !== '')?.entry_source_ip ?? '',
    from_time: times.length === 0 ? null : times.reduce((least, time) => Math.min(least, time)),
    to_time: times.length === 0 ? null : times.reduce((most, time) => Math.max(most, time)),
    processes: members.length,
    running: members.filter(({ state }) => state === 'running').length,
    failed: members.filter(hasFailed).length,
  };
}
