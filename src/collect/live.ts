/** The kernel of this host as a source: audit netlink and the proc connector, by the native collector thread. */
import { collectGarbage } from '../collect_garbage.ts';
import { BatchDecoder } from './batch.ts';
import type { ProcessEvent } from './event.ts';
import type { NativeBinding, NativeProblem, NativeState, SensorName } from './native.ts';
import type { CollectorProblem, ProcessEventSource, SourceState, SourceStats } from './source.ts';

export interface LiveSourceOptions {
  /** Which of the kernel's two facilities to use; `auto` is both, or what of them is to be had. */
  readonly collector: 'auto' | 'audit' | 'proc_events';
  readonly stateFile: string;
  readonly argsMaxBytes: number;
  readonly queueMaxBytes: number;
  readonly socketBufferBytes: number;
  readonly placeGraceMs?: number;
}

/** The key on our audit rules, by which they are told from others' and found again after a crash. */
export const RULE_KEY = 'process_ancestry';

const ADVICE: Readonly<Record<string, (detail: string) => string>> = {
  audit_no_permission: () =>
    'no permission for kernel audit: run as root, or with CAP_AUDIT_CONTROL and CAP_AUDIT_READ in the initial user namespace',
  audit_unsupported: (detail) =>
    `this kernel has no audit (${detail}): boot a kernel with CONFIG_AUDITSYSCALL and without audit=0`,
  audit_immutable: () =>
    'the audit configuration is immutable (enabled=2) until the next boot: take "-e 2" out of the audit rules, or add rules for execve and execveat before it',
  audit_never_task: () =>
    'an audit rule "never,task" keeps every process from being audited: remove it (auditctl -d never,task, and from /etc/audit/rules.d); processes that were started under it stay unaudited',
  audit_disabled: () =>
    'somebody switched audit off while it was read (enabled=0): switch it on again (auditctl -e 1); until then execs are read from /proc',
  audit_rules_missing: () =>
    'no audit rule records execs, and ours could not be put back: see auditctl -s and -l for what locks or removes them',
  audit_execs_hidden: () =>
    'an audit rule in front of ours hides all execs: take execve out of never,exit rules, or SYSCALL out of exclude rules (auditctl -l, /etc/audit/rules.d); until then execs are read from /proc',
  audit_some_execs_hidden: () =>
    'an audit rule in front of ours hides the execs that meet its conditions: see never,exit and exclude rules (auditctl -l, /etc/audit/rules.d)',
  audit_records_excluded: (detail) =>
    `audit rules exclude records of execs: ${detail
      .split(',')
      .map((type) => `auditctl -d exclude,always -F msgtype=${type}`)
      .join(
        '; ',
      )}, and take them out of /etc/audit/rules.d; until then that part is read from /proc where the process lives`,
  audit_setpgid_flood: (detail) =>
    `too many setpgid calls, last by ${detail}: they are not recorded for some minutes, and process groups are read from /proc at the exec; find out why it makes them`,
  audit_unicast_taken: (detail) =>
    `process ${detail} is the audit daemon (auditd or osqueryd): reading audit by multicast beside it`,
  audit_state_unsaved: (detail) =>
    `the audit settings as found could not be written (${detail}): they are lost if this process is killed; set --process_ancestry_state_file to a file that root can write`,
  audit_rule_refused: (detail) => `the kernel refused an audit rule: ${detail}`,
  audit_start_failed: (detail) => `audit could not be started: ${detail}`,
  proc_events_no_permission: () => 'no permission for the proc connector: run as root, or with CAP_NET_ADMIN',
  proc_events_unavailable: (detail) =>
    `the proc connector does not answer (${detail}): it needs CONFIG_PROC_EVENTS and the initial pid and user namespaces`,
};

/** A problem that the native collector reported, as a sentence that says what to do. */
export function explainProblem(problem: NativeProblem): CollectorProblem {
  const advice = ADVICE[problem.code];
  return { code: problem.code, message: advice ? advice(problem.detail) : `${problem.code}: ${problem.detail}` };
}

/**
 * How long audit's unicast place is left free once auditd has left it or has asked us for it. It is refused when it asks,
 * and does not ask twice: whoever starts it again has this long. Meanwhile we read by multicast, and the kernel prints
 * some of the records to its log (kernel/audit.c, kauditd_printk_skb: no more than printk's rate limit allows).
 */
const PLACE_GRACE_MS = 30_000;

/** A batch of the native queue fits, unless a single event is larger. */
const ROOM_BYTES = 512 * 1024;
const EVENTS_A_STEP = 500;
const SLICE_MS = 10;
/** A text beyond that is kept outside of V8's heap (src/string_bytes.cc of Node, EXTERN_APEX), where V8 does not see it grow. */
const EXTERNAL_BYTES = 1_000_000;
/** So much of it is collected at once. */
const COLLECT_BYTES = 2 * 1024 * 1024;
/** Bytes an event, on the average of what was decoded at once, beyond which texts are long. */
const LONG_BYTES = 4096;
/** Garbage is collected after so much of long texts: V8 lets it grow by ten times of that before it has found it. */
const COLLECT_ALL_BYTES = 2 * 1024 * 1024;
/** How often it is asked whether there is room again. */
const NO_ROOM_MS = 10;
/** An extension has a second to leave. */
const STOP_MS = 300;

export class LiveSource implements ProcessEventSource {
  readonly #native: NativeBinding;
  readonly #options: LiveSourceOptions;
  readonly #decoder = new BatchDecoder();
  /** Batches are copied into the same memory one after the other: strings are made of them at once. */
  #room = Buffer.alloc(ROOM_BYTES);
  /** What of it is not decoded yet. */
  #batch = Buffer.alloc(0);
  #position = 0;
  /** Of texts that were made since the last collection. */
  #externalBytes = 0;
  /** Of long texts, since all garbage was collected last. */
  #longBytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #onEvents: (events: readonly ProcessEvent[]) => void = () => undefined;
  #hasRoom: () => boolean = () => true;
  #running = false;

  constructor(native: NativeBinding, options: LiveSourceOptions) {
    this.#native = native;
    this.#options = options;
  }

  async start(
    onEvents: (events: readonly ProcessEvent[]) => void,
    hasRoom: () => boolean = () => true,
  ): Promise<SourceState> {
    const { collector } = this.#options;
    this.#onEvents = onEvents;
    this.#hasRoom = hasRoom;
    this.#running = true;
    const deliver = () => this.#work(SLICE_MS);
    let state = this.#startNative(collector === 'auto' ? 'audit+proc_events' : collector, deliver);
    const problems = [...state.problems];
    if (collector === 'auto' && state.hears === 'audit') {
      // Without the connector nobody tells of forks: audit has to, which costs a record a fork.
      this.#native.stop();
      state = this.#startNative('audit', deliver);
      problems.push(...state.problems.filter((problem) => !problems.some(({ code }) => code === problem.code)));
    }
    return { collector: state.hears || 'none', problems: problems.map(explainProblem) };
  }

  /** Applies what has come, a slice at a time: after a stall there may be seconds of a busy host. */
  #work(sliceMs: number): void {
    clearTimeout(this.#timer);
    const began = performance.now();
    while (this.#isWaiting()) {
      if (this.#running && !this.#hasRoom()) {
        this.#timer = setTimeout(() => this.#work(SLICE_MS), NO_ROOM_MS);
        return;
      }
      const { events, next } = this.#decoder.decode(this.#batch, this.#position, EVENTS_A_STEP);
      const bytes = next - this.#position;
      this.#position = next;
      this.#onEvents(events);
      this.#collect(bytes, events.length);
      if (performance.now() - began <= sliceMs) continue;
      if (this.#running) setImmediate(() => this.#work(SLICE_MS));
      return;
    }
  }

  #collect(bytes: number, events: number): void {
    if (bytes < LONG_BYTES * events) return;
    this.#longBytes += bytes;
    if (bytes >= EXTERNAL_BYTES) this.#externalBytes += bytes;
    if (this.#longBytes >= COLLECT_ALL_BYTES) {
      this.#longBytes = 0;
      this.#externalBytes = 0;
      collectGarbage({ type: 'major' });
    } else if (this.#externalBytes >= COLLECT_BYTES) {
      this.#externalBytes = 0;
      collectGarbage({ type: 'minor' });
    }
  }

  /** Whether there is something to decode; takes the next batch where the last one is done. */
  #isWaiting(): boolean {
    if (this.#position < this.#batch.length) return true;
    let size = this.#native.take(this.#room);
    if (size < 0) {
      this.#room = Buffer.alloc(-size);
      size = this.#native.take(this.#room);
    } else if (size === 0 && this.#room.length > ROOM_BYTES) {
      this.#room = Buffer.alloc(ROOM_BYTES);
    }
    this.#batch = this.#room.subarray(0, size);
    this.#position = 0;
    return size > 0;
  }

  get #heldBytes(): number {
    return this.#batch.length - this.#position;
  }

  #startNative(sensor: SensorName, deliver: () => void): NativeState {
    return this.#native.start(
      {
        sensor,
        ruleKey: RULE_KEY,
        stateFile: this.#options.stateFile,
        argsMaxBytes: this.#options.argsMaxBytes,
        queueMaxBytes: this.#options.queueMaxBytes,
        socketBufferBytes: this.#options.socketBufferBytes,
        placeGraceMs: this.#options.placeGraceMs ?? PLACE_GRACE_MS,
      },
      deliver,
    );
  }

  /** What was received until now is delivered before it returns, unless that would keep it from leaving in time. */
  stop(): void {
    if (!this.#running) return;
    this.#running = false;
    this.#native.stop();
    this.#work(STOP_MS);
  }

  onItsWay(): boolean {
    return this.#heldBytes > 0 || this.#native.onItsWay() > 0;
  }

  stats(): SourceStats {
    const native = this.#native.stats();
    return {
      collector: native.hears || 'none',
      eventsLost: native.lost + native.queueDropped,
      kernelLost: native.kernelLost,
      kernelBacklog: native.kernelBacklog,
      queueBytes: native.queueBytes + this.#heldBytes,
      malformed: native.malformed,
      incomplete: native.incomplete,
      problems: native.problems.map(explainProblem),
    };
  }
}
