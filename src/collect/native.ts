/** The native addon (native/addon.cc), typed. Nothing else loads it. */
import { createRequire } from 'node:module';
import { bundledPath, readBundledFile } from '../program/bundled_files.ts';
import { messageOf } from '../text/error_message.ts';
import { loadUnnamed } from './unnamed_addon.ts';

/** The sensors. */
export type SensorName = 'ebpf' | 'audit+proc_events' | 'audit' | 'proc_events';

export interface NativeCollectorOptions {
  /** `audit` alone also records clone, fork, vfork, setsid and exit_group. */
  readonly sensor: SensorName;
  readonly ruleKey: string;
  /** File that keeps the original audit settings for a start after a crash; '' for none. */
  readonly stateFile: string;
  readonly argsMaxBytes: number;
  readonly queueMaxBytes: number;
  readonly socketBufferBytes: number;
  /** How long a free audit unicast is left to other processes, after the start. */
  readonly ownerGraceMs: number;
  /** For eBPF: size of the ring buffer, a power of 2, at least 2^16; default 8 MiB. All of it counts as memory of the process. */
  readonly ringBytes?: number;
  /** For eBPF: whether setsid(2) is reported. This makes every system call of the host a little slower. */
  readonly tellsSessions?: boolean;
  /** For eBPF: whether changes of ids are reported, at the same price. */
  readonly tellsIds?: boolean;
  /** For eBPF: names of the environment variables that are recorded at an exec. */
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
  /** Whether `requestSnapshot` may be called. If not, /proc must be read. */
  readonly hasSnapshot: boolean;
  /** The problems that keep it from working completely. */
  readonly problems: readonly NativeProblem[];
}

export interface NativeStats {
  /** The parts that work now: audit can be switched off, and another reader can take over. */
  readonly hears: NativeHears;
  readonly messages: number;
  /** Messages lost for any reason, and those of them that the kernel counted. */
  readonly lost: number;
  readonly kernelLost: number;
  readonly kernelBacklog: number;
  readonly malformed: number;
  readonly incomplete: number;
  readonly queueBytes: number;
  readonly queueDropped: number;
  /** The present problems. */
  readonly problems: readonly NativeProblem[];
}

/** One audit rule of the kernel, in order: the first match decides. */
export interface NativeAuditRule {
  readonly ours: boolean;
  readonly silencesAllTasks: boolean;
  readonly coversExec: boolean;
  /** For never,exit on execve: it hides all execs, or those that match its conditions. */
  readonly hidesExecs: 'none' | 'some' | 'all';
  /** The record type that it excludes; 0 for none. */
  readonly excludedType: number;
}

/** The state of kernel audit (man 8 auditctl, -s and -l). `error` is an errno; if it is not 0, nothing else is known. */
export interface NativeAuditInspection {
  readonly error: number;
  readonly enabled: number;
  /** The pid of the unicast owner; 0 for none. */
  readonly pid: number;
  readonly backlogLimit: number;
  readonly backlog: number;
  /** Records dropped since the boot, for any reader. */
  readonly lost: number;
  readonly rules: readonly NativeAuditRule[];
}

/** The name that an ENRICHED log gives to an id. */
export interface NativeRecordedName {
  readonly id: number;
  /** Whether the id is a group id. */
  readonly ofGroup: boolean;
  readonly text: string;
}

/** New events and names of one host of a log. */
export interface NativeHostPiece {
  /** '' if the log does not name it. */
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
  /** Records of hosts beyond the maximum number of hosts. */
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
  /** Returns events that waited for earlier events. */
  flush(): readonly NativeHostPiece[];
  end(): readonly NativeHostPiece[];
  stats(): NativeLogStats;
}

export interface NativeBinding {
  /**
   * `onWaiting` is called when there is something to take, and not again until `take` has returned 0. It is also called, with true,
   * when the parts that work or the problems have changed.
   */
  start(options: NativeCollectorOptions, onWaiting: (hasChanged?: boolean) => void): NativeState;
  /** Copies the oldest batch into `room`. Returns its size; a negative size if the room is too small; 0 if nothing waits. */
  take(room: Buffer): number;
  stop(): void;
  stats(): NativeStats;
  /**
   * Returns the problems that would keep a sensor from working completely; empty if it would work. May be called while another
   * sensor runs: the eBPF programs are loaded and unloaded, the connector is subscribed to, and audit is inspected. `ruleKey` is
   * the key of our audit rules.
   */
  trySensor(sensor: SensorName, ruleKey: string): readonly NativeProblem[];
  /** Reads what waits in the kernel now. After it, `take` returns everything that happened before. */
  drainNow(): void;
  /** Requests a snapshot of each living process, and `snapshotEnd` after the last. One request at a time. */
  requestSnapshot(): void;
  /** Amount that still waits in the audit queue, the sockets and our queue, in bytes and records. Queries the kernel. */
  onItsWay(): number;
  /** Unix ms minus CLOCK_BOOTTIME ms: the same for all callers until the clock is set. */
  bootToUnixMs(): number;
  /** Unmaps the pages of the program and its libraries, which are mapped again when they are used. Returns their bytes. */
  releaseFilePages(): number;
  readonly LogReader: new (options: { argsMaxBytes: number }) => NativeLogReader;
}

/** The result of a cleanup after a killed extension. */
export interface NativeAuditCleanup {
  readonly rulesRemoved: number;
  readonly settingsPutBack: boolean;
  /** A problem: something may be left in the kernel. */
  readonly problem?: NativeProblem;
}

export interface NativeCleanup {
  /** Only while no extension runs: removes rules with `key`, and restores the settings in `stateFile`. */
  cleanUpAudit(key: string, stateFile: string): NativeAuditCleanup;
}

/** Functions that only read, for a diagnosis, with or without a running extension. */
interface NativeDiagnosis {
  /** Reads the state of audit and changes nothing. `key` is the key of our rules. */
  inspectAudit(key: string): NativeAuditInspection;
  /** 0 if the group of the proc connector can be bound, or an errno. Does not subscribe. */
  connectorError(): number;
  /** The pid of the process that listens on a unix socket, or -errno. */
  listenerOf(path: string): number;
  /** The peer address of the first internet connection of a process; '' if unknown. */
  connectionPeer(pid: number): string;
  /** Whether the kernel clock is synchronized (NTP). */
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
