/** Made-up rows of the two tables, for tests and pictures. */
import type { TreeDocument } from '../../src/commands/tree/document.ts';
import { forestOf } from '../../src/commands/tree/forest.ts';
import type { EventRecord, ProcessRecord } from '../../src/commands/tree/rows.ts';
import { withSessions } from '../../src/commands/tree/sessions.ts';

export interface Made {
  readonly entityId: string;
  readonly pid: number;
}

export interface About {
  readonly parent?: Made;
  /** Unix seconds. */
  readonly at: number;
  readonly uid?: number;
  readonly euid?: number;
  readonly auid?: number;
  readonly tty?: string;
  readonly sid?: number;
  readonly entry?: string;
  readonly ip?: string;
  readonly cwd?: string;
  readonly path?: string;
}

export interface Ended {
  readonly at: number;
  readonly code?: number;
  readonly signal?: number;
}

export const USERS: Readonly<Record<number, string>> = {
  0: 'root',
  33: 'www-data',
  109: 'postgres',
  1000: 'deploy',
  1001: 'mara',
};
const userName = (uid: number) => USERS[uid] ?? String(uid);

export class Scene {
  readonly events: EventRecord[] = [];
  readonly #processes = new Map<string, ProcessRecord>();

  /** A process from before the start, or one that forked: it runs `args` without having executed it. */
  process(pid: number, args: readonly string[], about: About): Made {
    const entityId = `c2NlbmU.${pid.toString(36)}.${(about.at * 100).toString(36)}`;
    const { auid = null, tty = '', sid = null, entry = 'init' } = about;
    this.#processes.set(entityId, {
      ...{ pid, entityId, parentEntityId: about.parent?.entityId ?? '', startTime: about.at, execTime: null },
      ...{ exitTime: null, exited: false, exitCode: null, exitSignal: null },
      ...{ image: imageOf(args, about), auid, sid, tty, entryType: entry },
    });
    return { entityId, pid };
  }

  exec(made: Made, args: readonly string[], about: About): Made {
    const before = this.#processes.get(made.entityId);
    if (!before) throw new Error('no such process');
    const image = imageOf(args, about);
    const { auid = before.auid, tty = before.tty, sid = before.sid, entry = before.entryType } = about;
    const now = { image, auid, tty, sid, entryType: entry, execTime: about.at };
    this.#processes.set(made.entityId, { ...before, ...now });
    this.events.push({
      ...{ eid: String(this.events.length + 1).padStart(10, '0'), actions: ['exec'], time: about.at, pid: made.pid },
      ...{
        entityId: made.entityId,
        parentEntityId: before.parentEntityId,
        startTime: before.startTime,
        exitCode: null,
      },
      ...{ image, auid, sid, tty, entryType: entry, sourceIp: about.ip ?? '' },
    });
    return made;
  }

  /** Forks and executes. */
  run(pid: number, args: readonly string[], about: About, ended?: Ended): Made {
    const made = this.exec(this.process(pid, args, about), args, about);
    if (ended) this.end(made, ended);
    return made;
  }

  end(made: Made, { at, code, signal }: Ended): void {
    const before = this.#processes.get(made.entityId);
    if (!before) throw new Error('no such process');
    const exitCode = signal === undefined ? (code ?? 0) : 128 + signal;
    const end = { exitTime: at, exited: true, exitCode, exitSignal: signal ?? null };
    this.#processes.set(made.entityId, { ...before, ...end });
  }

  get processes(): readonly ProcessRecord[] {
    return [...this.#processes.values()];
  }

  document(about: Partial<TreeDocument> = {}): TreeDocument {
    const rows = { events: this.events, processes: this.processes, ancestors: [] };
    const newest = this.events.reduce((most, { time }) => Math.max(most, time), 0);
    return {
      ...{ format: 1, version: '0.2.0', host: 'shop-web-1', boot_time: newest - 90_000, taken_time: newest + 30 },
      ...{ source: 'extension', source_name: '/var/osquery/osquery.em.17' },
      ...withSessions(forestOf(rows, { unlessEnded: 'running', userName }), userName),
      ...about,
    };
  }
}

function imageOf(args: readonly string[], { path, cwd = '/', uid = 0, euid = uid }: About) {
  const [name = ''] = args;
  return { path: path ?? (name.startsWith('/') ? name : `/usr/bin/${name}`), args, cwd, uid, euid };
}
