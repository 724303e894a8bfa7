/** The native addon (native/addon.cc), typed. Nothing else loads it. */
import { createRequire } from 'node:module';
import { bundledPath, readBundledFile } from '../program/bundled_files.ts';
import { messageOf } from '../text/error_message.ts';
import { loadUnnamed } from './unnamed_addon.ts';

/** What is recorded with. */
export type SensorName = 'ebpf' | 'audit+proc_events' | 'audit' | 'proc_events';

export interface NativeCollectorOptions {
  /** `audit` alone also records clone, fork, vfork, setsid and exit_group. */
  readonly sensor: SensorName;
  readonly ruleKey: string;
  /** Where the found audit settings are kept for a start after a crash; '' for nowhere. */
  readonly stateFile: string;
  readonly argsMaxBytes: number;
  readonly queueMaxBytes: number;
  readonly socketBufferBytes: number;
  /** For how long audit's unicast is left to others once it is free, after the start. */
  readonly ownerGraceMs: number;
  /** Of eBPF: a power of 2 from 2^16 on; 8 MiB if undefined. All of it counts as the process's memory. */
  readonly ringBytes?: number;
  /** Of eBPF: whether setsid(2) is told, which slows every system call of the host a little. */
  readonly tellsSessions?: boolean;
  /** Of eBPF: names of the variables of the environment that are told of an exec. */
  readonly environmentNames?: readonly string[];
}

export interface NativeProblem {
  readonly code: string;
  readonly detail: string;
}

/** The parts of a sensor that work, joined by +; '' for none. */
export type NativeHears = SensorName | '';

export interface NativeState {
  readonly hears: NativeHears;
  /** Whether `requestSnapshot` may be called; else /proc is to be read. */
  readonly hasSnapshot: boolean;
  /** What keeps it from working whole. */
  readonly problems: readonly NativeProblem[];
}

export interface NativeStats {
  /** Now: audit can be switched off, and a place be lost to another reader. */
  readonly hears: NativeHears;
  readonly messages: number;
  /** Messages that did not come, by any cause, and those of them that the kernel counted itself. */
  readonly lost: number;
  readonly kernelLost: number;
  readonly kernelBacklog: number;
  readonly malformed: number;
  readonly incomplete: number;
  readonly queueBytes: number;
  readonly queueDropped: number;
  /** What is wrong now. */
  readonly problems: readonly NativeProblem[];
}

/** One audit rule of the kernel's, in its order: the first that matches decides. */
export interface NativeAuditRule {
  readonly ours: boolean;
  readonly silencesAllTasks: boolean;
  readonly coversExec: boolean;
  /** Of never,exit on execve: all, or those that meet the rule's conditions. */
  readonly hidesExecs: 'none' | 'some' | 'all';
  /** The type of records that nobody gets; 0 for none. */
  readonly excludedType: number;
}

/** Kernel audit as it is (man 8 auditctl, -s and -l). `error` is an errno, with which nothing else is known. */
export interface NativeAuditInspection {
  readonly error: number;
  readonly enabled: number;
  /** The pid of the unicast owner; 0 for none. */
  readonly pid: number;
  readonly backlogLimit: number;
  readonly backlog: number;
  /** Records dropped since the boot, for whichever reader. */
  readonly lost: number;
  readonly rules: readonly NativeAuditRule[];
}

/** The name that an ENRICHED log gives to an id. */
export interface NativeRecordedName {
  readonly id: number;
  /** Of a group, not of a user. */
  readonly ofGroup: boolean;
  readonly text: string;
}

/** What is new of one host of a log. */
export interface NativeHostPiece {
  /** '' where the log does not tell. */
  readonly host: string;
  readonly names: readonly NativeRecordedName[];
  /** May be empty. */
  readonly batch: Buffer;
}

export interface NativeLogStats {
  readonly lines: number;
  readonly records: number;
  readonly events: number;
  readonly malformed: number;
  readonly incomplete: number;
  /** Records of more hosts than are kept apart. */
  readonly beyondHosts: number;
  /** Lines of other formats: see native/sensors/audit/log_line.h. */
  readonly interpretedLines: number;
  readonly eventLines: number;
  readonly jsonLines: number;
  readonly linesWithoutId: number;
  readonly quotedLines: number;
}

export interface NativeLogReader {
  /** A piece of a log, cut anywhere. */
  feed(chunk: Buffer): readonly NativeHostPiece[];
  /** Also what still waited for earlier events that may have come late. */
  flush(): readonly NativeHostPiece[];
  end(): readonly NativeHostPiece[];
  stats(): NativeLogStats;
}

export interface NativeBinding {
  /** `onWaiting` is called once there is something to take, and not again before `take` has answered 0. */
  start(options: NativeCollectorOptions, onWaiting: () => void): NativeState;
  /** Copies the oldest batch into `room`: its size; negative where there is not so much room; 0 when nothing waits. */
  take(room: Buffer): number;
  stop(): void;
  stats(): NativeStats;
  /**
   * What keeps a sensor from working whole; empty where it would work. Beside one that works: eBPF's programs are loaded and
   * let go of, the connector is subscribed to, and audit is looked at. `ruleKey` is that of our audit rules.
   */
  trySensor(sensor: SensorName, ruleKey: string): readonly NativeProblem[];
  /** Takes what waits in the kernel now: what ended before can be taken then. */
  drainNow(): void;
  /** The processes that live come as snapshots, and `snapshotEnd` after the last of them. One at a time. */
  requestSnapshot(): void;
  /** What there still is, in bytes and records: in audit's queue, the sockets and the queue. Asks the kernel. */
  onItsWay(): number;
  /** Unix ms minus CLOCK_BOOTTIME ms: the same for all who ask, until the clock is set. */
  bootToUnixMs(): number;
  readonly LogReader: new (options: { argsMaxBytes: number }) => NativeLogReader;
}

/** What was done about what a killed extension left in the kernel. */
export interface NativeAuditCleanup {
  readonly rulesRemoved: number;
  readonly settingsPutBack: boolean;
  /** With which something may be left. */
  readonly problem?: NativeProblem;
}

export interface NativeCleanup {
  /** For when no extension runs: takes out rules with `key`, and puts back the settings that `stateFile` holds. */
  cleanUpAudit(key: string, stateFile: string): NativeAuditCleanup;
}

/** What only looks: for a diagnosis, beside an extension that runs or without one. */
interface NativeDiagnosis {
  /** Asks, and changes nothing. `key` is that of our rules. */
  inspectAudit(key: string): NativeAuditInspection;
  /** 0 when the proc connector's group can be bound, or an errno. Nothing is subscribed. */
  connectorError(): number;
  /** The pid of the process that listens at a unix socket, or -errno. */
  listenerOf(path: string): number;
  /** The address at the other end of the first internet connection that a process holds; '' where it cannot be told. */
  connectionPeer(pid: number): string;
  /** Whether the kernel's clock follows another (NTP). */
  clockIsSynchronized(): boolean;
}

const ADDON = 'process_ancestry.node';
type Native = NativeBinding & NativeDiagnosis & NativeCleanup;
let loaded: Native | undefined;

/** The addon cannot be loaded on this host; the message says why. */
export class NativeUnavailableError extends Error {
  override readonly name = 'NativeUnavailableError';
  readonly code = 'native_unavailable';
}

/**
 * Loads the addon once.
 *
 * @throws {NativeUnavailableError}
 */
export function loadNative(): Native {
  if (loaded) return loaded;
  try {
    const path = bundledPath(ADDON);
    loaded = (path ? createRequire(path)(path) : loadUnnamed(readBundledFile(ADDON))) as Native;
    return loaded;
  } catch (error) {
    throw new NativeUnavailableError(`the native collector cannot be loaded: ${messageOf(error).trim()}`, {
      cause: error,
    });
  }
}
