/** A row of process_ancestry: a process and one of its ancestors. */
import type { ExecDetails, Pid } from '../src/collect/event.ts';
import type { Process, ProcessAtFork } from '../src/process/process.ts';
import type { ProcessTable } from '../src/process/process_table.ts';
import { stateOf } from './process_state.ts';

export interface AncestryRow extends AncestorOfRow {
  /** Undefined in an answer about the past. */
  readonly process: Process | undefined;
  readonly pid: Pid;
  readonly entityId: string;
  /** 1 for the creator of the process. */
  readonly depth: number;
  /** Unix seconds that the query names; null for none. */
  readonly at: number | null;
}

/** What a row has of the ancestor. */
export interface AncestorOfRow {
  readonly ancestorPid: Pid;
  readonly ancestorEntityId: string;
  /** Of the ancestor's image at the fork. */
  readonly details: Pick<ExecDetails, 'path' | 'args' | 'cwd' | 'uid' | 'euid'>;
  readonly ancestorStartUnixSeconds: number;
  readonly state: string | null;
  /** In the form of wait(2); undefined if unknown. */
  readonly exitStatus: number | undefined;
  /** Controlling terminal at the fork; '' for none. */
  readonly tty: string;
  /** '' if unknown. */
  readonly cgroup: string;
  /** Undefined if unknown; stored rows do not have it. */
  readonly sha256: string | undefined;
}

export function rememberedAncestor(ancestor: ProcessAtFork, processes: ProcessTable): AncestorOfRow {
  const { process, image, tty, cgroup } = ancestor;
  return {
    ancestorPid: process.pid,
    ancestorEntityId: processes.entityIdOf(process),
    details: image.details,
    ancestorStartUnixSeconds: Math.floor(processes.startOf(process) / 100),
    state: stateOf(process.exit, processes.isRecorded),
    exitStatus: process.exit?.status,
    ...{ tty, cgroup, sha256: image.sha256 },
  };
}
