/**
 * The internals of a built program, of this version or of 0.1.0: only this file knows them. A program is driven through its
 * Recorder, which gets batches from a fake collector, and keeps its rows on disk.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { DAEMON, type Happening, PID_NAMESPACE } from './execs.ts';
import { halvedBatch } from './halved_events.ts';
import { wholeBatch } from './whole_events.ts';

export type Version = 'this' | '0.1.0';

export interface Program {
  /** Unix ms minus CLOCK_BOOTTIME ms. */
  readonly bootToUnixMs: number;
  batch(happenings: readonly Happening[]): Buffer;
  /** Delivers a batch as the collector's thread does. */
  feed(batch: Buffer): void;
  readonly counts: Counts;
  close(): void;
}

export interface Counts {
  readonly published: number;
  /** Execs without details, rows or events that were lost. */
  readonly wrong: number;
  readonly rows: number;
  readonly database: string;
}

/** The used modules of either version. */
interface Modules {
  readonly Recorder: new (
    options: object,
  ) => {
    start(): Promise<void>;
    stop(): void;
    stats(): {
      readonly tree: { readonly eventsPublished: number; readonly detailsMissing: number };
      readonly source: { readonly eventsLost: number };
      readonly store: { readonly rows: number; readonly lost: number; readonly database: string };
    };
  };
  readonly EventStore: new (settings: object, options: object) => { close(): void };
  readonly flags: Readonly<Record<string, { readonly default: unknown }>>;
  readonly storeSettings: (values: object, osqueryDatabase: string) => object;
  readonly makeLogger: (level: string, format: string) => object;
  readonly NO_DETAILS: object;
}

const HOST = {
  ...{ id: '0f3c', bootId: '', hostname: 'bench', architecture: 'x86_64', kernel: '', ip: [], mac: [] },
  os: { family: '', name: '', version: '', platform: '', full: '' },
};
const HOST_FACTS = { json: JSON.stringify(HOST) };
const NAMES = new Map([
  [0, 'root'],
  [33, 'www-data'],
  [1000, 'ada'],
]);
const GROUPS = [27, 100];

async function modulesOf(checkout: string, version: Version): Promise<Modules> {
  const load = async (path: string) => (await import(pathToFileURL(join(checkout, 'dist', path)).href)) as object;
  const places =
    version === 'this'
      ? ['src/recording/recorder.js', 'src/recording/store_settings.js', 'src/program/log.js', 'src/collect/event.js']
      : ['src/recorder.js', 'src/store_settings.js', 'src/log.js', 'src/process/image.js'];
  const loaded = await Promise.all([...places, 'src/store/event_store.js', 'src/config/flags.js'].map(load));
  return Object.assign({}, ...loaded) as Modules;
}

/** Starts it; resolves when it records. */
export async function startProgram(
  checkout: string,
  version: Version,
  directory: string,
  maxRows: number,
): Promise<Program> {
  const { Recorder, EventStore, flags, storeSettings, makeLogger, NO_DETAILS } = await modulesOf(checkout, version);
  const values = {
    ...Object.fromEntries(Object.entries(flags).map(([name, flag]) => [name, flag.default])),
    process_ancestry_collector: version === 'this' ? 'ebpf' : 'auto',
    process_ancestry_database: directory,
    process_ancestry_events_max: maxRows,
    process_ancestry_state_file: '',
  };
  const uptimeMs = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 1000;
  const bootToUnixMs = Date.now() - uptimeMs;
  const collector = version === 'this' ? new Collector(bootToUnixMs) : new OldCollector();
  const log = makeLogger('warn', 'json');
  const store = new EventStore(storeSettings(values, ''), {
    log,
    host: () => (version === 'this' ? HOST_FACTS : HOST_FACTS.json),
  });
  const nameOf = (id: number) => NAMES.get(id);
  const recorder = new Recorder({
    ...{ values, store, log, native: collector, proc: new MadeUpProc(version, NO_DETAILS) },
    names: { user: nameOf, group: nameOf, revision: 0 },
  });
  await recorder.start();
  return {
    bootToUnixMs,
    batch: (happenings) => (version === 'this' ? wholeBatch : halvedBatch)(happenings, bootToUnixMs),
    feed: (batch) => collector.feed(batch),
    get counts() {
      const { tree, source, store: kept } = recorder.stats();
      const wrong = tree.detailsMissing + source.eventsLost + kept.lost;
      return { published: tree.eventsPublished, wrong, rows: kept.rows, database: kept.database };
    },
    close() {
      recorder.stop();
      store.close();
    },
  };
}

/** NativeBinding of this version: batches wait until they are taken. */
class Collector {
  readonly #bootToUnixMs: number;
  readonly #batches: Buffer[] = [];
  #onWaiting: () => void = () => undefined;

  constructor(bootToUnixMs: number) {
    this.#bootToUnixMs = bootToUnixMs;
  }

  feed(batch: Buffer): void {
    this.#batches.push(batch);
    this.#onWaiting();
  }

  start(_options: object, onWaiting: () => void): object {
    this.#onWaiting = onWaiting;
    return { hears: 'ebpf', hasSnapshot: false, problems: [] };
  }

  take(room: Buffer): number {
    const [batch] = this.#batches;
    if (!batch) return 0;
    if (batch.length > room.length) return -batch.length;
    this.#batches.shift();
    return batch.copy(room);
  }

  stats(): object {
    const counts = { messages: 0, lost: 0, kernelLost: 0, kernelBacklog: 0, malformed: 0, incomplete: 0 };
    const queueBytes = this.#batches.reduce((sum, { length }) => sum + length, 0);
    return { ...counts, hears: 'ebpf', queueBytes, queueDropped: 0, hasSnapshot: false, problems: [] };
  }

  onItsWay(): number {
    return this.#batches.length;
  }

  bootToUnixMs(): number {
    return this.#bootToUnixMs;
  }

  tryEbpf(): readonly object[] {
    return [];
  }

  stop(): void {}
  drainNow(): void {}
  requestSnapshot(): void {}
}

/** NativeBinding of 0.1.0: batches are delivered at once. */
class OldCollector {
  #onBatch: (batch: Buffer) => void = () => undefined;

  feed(batch: Buffer): void {
    this.#onBatch(batch);
  }

  start(_options: object, onBatch: (batch: Buffer) => void): object {
    this.#onBatch = onBatch;
    return { auditMode: 'unicast', procEvents: true, problems: [] };
  }

  stats(): object {
    const audit = { auditMode: 'unicast', auditEnabled: 1, auditKernelLost: 0, auditKernelBacklog: 0, auditEnobufs: 0 };
    const counts = { auditMalformed: 0, auditIncomplete: 0, procEventsEnobufs: 0, procEventsGaps: 0 };
    return { ...audit, ...counts, queueBytes: 0, queueDropped: 0 };
  }

  onItsWay(): number {
    return 0;
  }

  stop(): void {}
}

/** /proc with pid 1 and the daemon. */
class MadeUpProc {
  readonly #shown: ReadonlyMap<number, object>;

  constructor(version: Version, noDetails: object) {
    const place = { sid: 700, pgid: 700, ttyNr: 0, ses: 4, cgroup: DAEMON.cgroup };
    const show = (pid: number, ppid: number, path: string, args: readonly string[]) => {
      const user = {
        uid: 0,
        gid: 0,
        euid: 0,
        suid: 0,
        fsuid: 0,
        egid: 0,
        sgid: 0,
        fsgid: 0,
        pidNamespace: PID_NAMESPACE,
      };
      const text = { path, args: args.join('\0'), argsCount: args.length, comm: 'daemon', cwd: '/', name: path };
      const details = { ...noDetails, ...text, ...user, ...place, ppid, startMs: 1000 };
      const old = { ...place, ppid, startTicks: 100, ended: false, executed: true };
      const now = { origin: 'none', parentStartMs: 1000, hasEnded: false, hasExecuted: true };
      return { pid, supplementalGroups: [], details, ...(version === 'this' ? now : old) };
    };
    this.#shown = new Map([
      [1, show(1, 0, '/usr/lib/systemd/systemd', ['/sbin/init'])],
      [DAEMON.pid, show(DAEMON.pid, 1, DAEMON.path, DAEMON.args)],
    ]);
  }

  pids(): number[] {
    return [...this.#shown.keys()];
  }

  read(pid: number): object | undefined {
    return this.#shown.get(pid);
  }

  startTicks(pid: number): number | undefined {
    return this.#shown.has(pid) ? 100 : undefined;
  }

  supplementalGroups(): readonly number[] {
    return GROUPS;
  }

  userNamespace(): number | undefined {
    return undefined;
  }

  connectionPeer(): string {
    return '';
  }

  sshClient(): string {
    return '';
  }
}
