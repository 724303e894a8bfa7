import type { Pid } from '../../../src/collect/event.ts';
import { NO_DETAILS } from '../../../src/collect/event.ts';
import type { ProcessSnapshot, ProcReader } from '../../../src/collect/procfs.ts';
import { MS_PER_TICK, ticksOf } from '../../../src/linux/clock_ticks.ts';
import type { AncestorFacts } from '../../../src/process/facts.ts';
import { cmdlineOf } from '../../../src/process/image.ts';
import type { Action } from '../../../src/process/pending_event.ts';
import type { AncestorRecord } from '../../../src/process/process.ts';
import { ProcessTree, type PublishedEvent, type TreeOptions } from '../../../src/process/tree.ts';
import { BOOT_UNIX_MS, detailsOf, type KernelModel, type TrueExec } from './kernel_model.ts';

/** The process facts of a record. */
export interface ToldAncestor extends AncestorFacts {
  readonly cmdline: string;
}

export function toldOf(record: AncestorRecord): ToldAncestor {
  const facts = JSON.parse(record.json()) as AncestorFacts;
  return { ...facts, cmdline: facts.args.replaceAll('\0', ' ') };
}

export function ancestorsOf(exec: PublishedEvent): ToldAncestor[] {
  const ancestors: ToldAncestor[] = [];
  for (let record = exec.context.creator; record; record = record.above) ancestors.push(toldOf(record));
  return ancestors.slice(0, exec.ancestry.depth);
}

/** A published exec in the form of the model's truth. */
export function told(exec: PublishedEvent): TrueExec {
  return {
    pid: exec.process.pid,
    cmdline: cmdlineOf(exec.details ?? NO_DETAILS),
    ancestry: ancestorsOf(exec).map(({ pid, cmdline }) => ({ pid, cmdline })),
    bootMs: exec.bootMs,
    sid: exec.sid,
    pgid: exec.pgid,
  };
}

/** A /proc with the content that a test sets. */
export class FakeProc implements ProcReader {
  readonly shown = new Map<number, ProcessSnapshot>();
  reads = 0;

  show(
    pid: number,
    ppid: number,
    cmdline: string,
    startTicks = 1,
    ended = false,
    group: { sid?: number; pgid?: number } = {},
  ): ProcessSnapshot {
    const snapshot = {
      pid: pid as Pid,
      hasEnded: ended,
      hasExecuted: true,
      supplementalGroups: [],
      details: detailsOf(cmdline, ppid, {
        fromProcfs: true,
        startMs: startTicks * MS_PER_TICK,
        sid: group.sid ?? 1,
        pgid: group.pgid ?? 1,
      }),
    };
    this.shown.set(pid, snapshot);
    return snapshot;
  }

  pids(): Pid[] {
    return [...this.shown.keys()] as Pid[];
  }

  supplementalGroups(): readonly number[] {
    return [];
  }

  /** Peers of processes' connections, by pid. */
  readonly peers = new Map<number, string>();
  /** Pids whose connections were read. */
  readonly peersAsked: number[] = [];

  connectionPeer(pid: Pid): string {
    this.peersAsked.push(pid);
    return this.peers.get(pid) ?? '';
  }

  userNamespace(pid: Pid): number | undefined {
    return this.shown.get(pid)?.details.userNamespace;
  }

  startTicks(pid: Pid): number | undefined {
    const { startMs } = this.shown.get(pid)?.details ?? {};
    return startMs === undefined ? undefined : ticksOf(startMs);
  }

  read(pid: Pid): ProcessSnapshot | undefined {
    this.reads++;
    return this.shown.get(pid);
  }
}

export class TreeHarness {
  readonly published: PublishedEvent[] = [];
  readonly proc = new FakeProc();
  nowMs = 1000;
  readonly tree: ProcessTree;

  constructor(options: Partial<TreeOptions> = {}) {
    this.proc.show(1, 0, 'init');
    this.tree = new ProcessTree({
      bootId: '4f731cd4-a2cf-420b-a2aa-ca46d08d1e22',
      cacheSize: 1000,
      cacheTtlSeconds: 300,
      maxDepth: 32,
      ancestorCmdlineMax: 4096,
      publishWaitMs: 100,
      actions: new Set<Action>(['exec']),
      ignore: undefined,
      bootToUnixMs: BOOT_UNIX_MS,
      now: () => this.nowMs,
      proc: this.proc,
      names: { user: (uid) => (uid === 0 ? 'root' : undefined), group: () => undefined, revision: 0 },
      publish: (exec) => this.published.push(exec),
      ...options,
    });
    this.tree.processes.adopt([...this.proc.shown.values()]);
  }

  run(kernel: KernelModel): this {
    this.tree.apply(kernel.take());
    return this;
  }

  get livePids(): number[] {
    return this.tree.processes.living().map(({ pid }) => pid);
  }

  get told(): TrueExec[] {
    return this.published.map(told);
  }

  /** The one exec with this command line. */
  row(cmdline: string): PublishedEvent {
    const rows = this.published.filter((exec) => told(exec).cmdline === cmdline);
    const [row] = rows;
    if (!row || rows.length > 1) throw new Error(`${rows.length} rows for ${cmdline}`);
    return row;
  }

  /** Command lines of its ancestors, nearest first. */
  chain(cmdline: string): string[] {
    return ancestorsOf(this.row(cmdline)).map((ancestor) => ancestor.cmdline);
  }
}
