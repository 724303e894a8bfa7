/** What answers cost: latencies as osquery sees them, and the extension's CPU and memory for a large one. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { ExtensionClient } from '../../src/osquery/extension_client.ts';
import { ExtensionUnderTest, type Row } from '../integration/extension_under_test.ts';
import { runForest } from '../integration/forest.ts';
import { logOfExecs } from '../integration/log_of_execs.ts';
import { borrowAudit, quietAudit, restoreAudit } from './audit_state.ts';
import { extensionFlags } from './extension_flags.ts';
import { throwIfInterrupted } from './interruption.ts';
import { settled } from './listener.ts';
import { cpuMicroseconds, memoryMegabytes, resetPeak } from './process_cost.ts';
import { type Range, rangeOf } from './range.ts';
import { type Log, ReplayedExtension } from './replayed_extension.ts';
import { SoakLog } from './soak_log.ts';

/** osquery/core/tables.h, ConstraintOperator. */
const OP = { equals: 2, lessThan: 16, greaterThanOrEquals: 32 } as const;
const ROWS_KEPT = 50_000;
const LARGE_ANSWER_ROWS = 10_000;
const POINT_QUERIES = 300;
const OUTER_ROWS = 200;
const VISIBLE_EXECS = 25;
const WINDOW_SECONDS = 10;
/** A subscriber that asks again sooner gets the same rows once more (GIVEN_AGAIN_MS). */
const SUBSCRIBER_PAUSE_MS = 400;

export interface LatencyFigures {
  readonly milliseconds: Range;
  readonly rows: Range;
}

/** Undefined: the extension does not answer that query. */
export interface QueryFigures {
  readonly point: LatencyFigures;
  readonly window: LatencyFigures;
  readonly join: LatencyFigures | undefined;
  readonly subscriber: LatencyFigures | undefined;
  /** From before a program starts until its row is answered. */
  readonly visible: LatencyFigures;
  readonly largeAnswer: {
    readonly cpuSeconds: Range;
    /** Of the first one of the process, whose code is not compiled yet. */
    readonly firstCpuSeconds: number;
    readonly megabytes: Range;
    /** Above what it had before the first one: it may keep what that took. */
    readonly peakMegabytesMore: Range;
  };
}

/** One answer, or several that a statement needs together. */
interface Timed {
  readonly milliseconds: number;
  readonly rows: number;
}

type Constraints = Readonly<Record<string, readonly { readonly op: number; readonly expr: string }[]>>;

/** Borrows kernel audit for the subscriber, who needs rows that are new. */
export async function measureQueries(repetitions: number, say: (text: string) => void): Promise<QueryFigures> {
  const taken = {
    point: [] as Timed[],
    window: [] as Timed[],
    join: [] as (Timed | undefined)[],
    subscriber: [] as (Timed | undefined)[],
    visible: [] as Timed[],
  };
  say('queries: reading logs …');
  const soak = new SoakLog();
  const many = await filled((execs) => soak.next(execs), ROWS_KEPT);
  const large = await filled(atOnce(logOfExecs(LARGE_ANSWER_ROWS)), LARGE_ANSWER_ROWS);
  const answers: ReturnType<typeof largeAnswer>[] = [];
  let firstCpuSeconds = 0;
  try {
    await settled({ many: many.pid, large: large.pid });
    const before = memoryMegabytes(large.pid).now;
    const rows = await many.extension.generate('process_ancestry_events', {}, ['pid', 'time']);
    // The first time of each is not counted: code is compiled then.
    for (let repetition = 0; repetition <= repetitions; repetition++) {
      throwIfInterrupted();
      if (repetition > 0) say(`queries ${repetition} of ${repetitions} …`);
      const client = new ExtensionClient(many.extension.socketPath);
      const point = await pointQueries(client, rows);
      const window = await windowQuery(client, rows);
      const join = await orMissing(() => threeWayJoin(client, rows));
      const answer = largeAnswer(large, before);
      if (repetition === 0) {
        firstCpuSeconds = answer.cpuSeconds;
        continue;
      }
      taken.point.push(point);
      taken.window.push(window);
      taken.join.push(join);
      answers.push(answer);
    }
  } finally {
    await many.stop();
    await large.stop();
  }
  say('queries: a subscriber …');
  const live = await liveQueries(repetitions);
  taken.subscriber.push(...live.subscriber);
  taken.visible.push(...live.visible);
  return {
    point: figuresOf(taken.point),
    window: figuresOf(taken.window),
    join: figuresOrMissing(taken.join),
    subscriber: figuresOrMissing(taken.subscriber),
    visible: figuresOf(taken.visible),
    largeAnswer: {
      firstCpuSeconds,
      cpuSeconds: rangeOf(answers.map(({ cpuSeconds }) => cpuSeconds)),
      megabytes: rangeOf(answers.map(({ megabytes }) => megabytes)),
      peakMegabytesMore: rangeOf(answers.map(({ peakMegabytesMore }) => peakMegabytesMore)),
    },
  };
}

async function filled(log: Log, rows: number): Promise<ReplayedExtension> {
  const replayed = await ReplayedExtension.start();
  await replayed.feed(log, rows);
  await replayed.endLog();
  return replayed;
}

/** A log that is made as a whole comes as a whole. */
function atOnce(text: string): Log {
  const pieces = [text];
  return () => pieces.pop() ?? '';
}

/** One generate as osquery makes it: a ping on one connection, the call on the next. */
async function ask(
  client: ExtensionClient,
  table: string,
  constraints: Constraints,
  columns: string[],
): Promise<Row[]> {
  await client.ping();
  const context = {
    constraints: Object.entries(constraints).map(([name, list]) => ({ name, list, affinity: 'TEXT' })),
    colsUsed: columns,
  };
  const { status, rows } = await client.call('table', table, {
    action: 'generate',
    context: JSON.stringify(context),
  });
  if (status.code !== 0) throw new TableMissing(status.message);
  return rows as Row[];
}

class TableMissing extends Error {
  override readonly name = 'TableMissing';
}

const equals = (expr: string | undefined) => [{ op: OP.equals, expr: expr ?? '' }];

async function timed(action: () => Promise<number>): Promise<Timed> {
  const began = performance.now();
  const rows = await action();
  return { rows, milliseconds: performance.now() - began };
}

/** The middle one of many, each for another pid. */
async function pointQueries(client: ExtensionClient, rows: readonly Row[]): Promise<Timed> {
  const all: Timed[] = [];
  for (let n = 0; n < POINT_QUERIES; n++) {
    const pid = equals(rows[(n * 7919) % rows.length]?.pid);
    all.push(
      await timed(
        async () => (await ask(client, 'process_ancestry_events', { pid }, ['pid', 'path', 'cmdline'])).length,
      ),
    );
  }
  return {
    milliseconds: rangeOf(all.map(({ milliseconds }) => milliseconds)).median,
    rows: rangeOf(all.map(({ rows }) => rows)).median,
  };
}

function windowQuery(client: ExtensionClient, rows: readonly Row[]): Promise<Timed> {
  const from = Number(rows[rows.length >> 1]?.time);
  const time = [
    { op: OP.greaterThanOrEquals, expr: String(from) },
    { op: OP.lessThan, expr: String(from + WINDOW_SECONDS) },
  ];
  return timed(
    async () => (await ask(client, 'process_ancestry_events', { time }, ['time', 'pid', 'cmdline', 'ancestry'])).length,
  );
}

/**
 * process_ancestry_events e JOIN process_ancestry a ON a.pid = e.pid JOIN process_ancestry_events p ON p.entity_id =
 * a.ancestor_entity_id, of one ancestor each: SQLite asks once for each outer row.
 */
function threeWayJoin(client: ExtensionClient, rows: readonly Row[]): Promise<Timed> {
  const time = [{ op: OP.greaterThanOrEquals, expr: rows.at(-OUTER_ROWS)?.time ?? '' }];
  return timed(async () => {
    const outer = await ask(client, 'process_ancestry_events', { time }, ['pid', 'time', 'entity_id']);
    let joined = 0;
    for (const { pid, entity_id } of outer.slice(-OUTER_ROWS)) {
      const columns = ['pid', 'entity_id', 'ancestor_pid', 'ancestor_entity_id', 'depth'];
      const [ancestor] = await ask(client, 'process_ancestry', { pid: equals(pid) }, columns);
      const wanted = equals(ancestor?.ancestor_entity_id ?? entity_id);
      joined += (await ask(client, 'process_ancestry_events', { entity_id: wanted }, ['entity_id', 'cmdline'])).length;
    }
    return joined;
  });
}

/** `subscriber`: new rows since the last time, made by a storm in between. `visible`: each exec's row. */
async function liveQueries(
  repetitions: number,
): Promise<{ readonly subscriber: readonly (Timed | undefined)[]; readonly visible: readonly Timed[] }> {
  const borrowed = borrowAudit();
  let extension: ExtensionUnderTest | undefined;
  try {
    quietAudit();
    extension = await ExtensionUnderTest.start(extensionFlags());
    const client = new ExtensionClient(extension.socketPath);
    const columns = ['time', 'pid', 'path', 'cmdline', 'ancestry'];
    const subscriber = equals('bench');
    const read = () =>
      timed(async () => (await ask(client, 'process_ancestry_events', { subscriber }, columns)).length);
    const all: (Timed | undefined)[] = [];
    const visible: Timed[] = [];
    for (let repetition = 0; repetition <= repetitions; repetition++) {
      throwIfInterrupted();
      (await runForest({ programs: ['short_lived'], jobs: 2, rounds: 60 })).remove();
      await new Promise((resolve) => setTimeout(resolve, SUBSCRIBER_PAUSE_MS));
      await settled({ extension: extension.child.pid ?? 0 });
      const answer = await read();
      const seen = await visibleAfter(client, repetition);
      if (repetition === 0) continue;
      all.push(answer.rows > 0 ? answer : undefined);
      visible.push(seen);
    }
    return { subscriber: all, visible };
  } finally {
    await extension?.stop();
    restoreAudit(borrowed);
  }
}

/** The longest of many. */
async function visibleAfter(client: ExtensionClient, repetition: number): Promise<Timed> {
  const all: number[] = [];
  for (let n = 0; n < VISIBLE_EXECS; n++) {
    const name = `visible-${repetition}-${n}`;
    const cmdline = equals(`/bin/true ${name}`);
    const { milliseconds } = await timed(async () => {
      execFileSync('/bin/true', [name]);
      for (;;) {
        const rows = await ask(client, 'process_ancestry_events', { cmdline }, ['cmdline']);
        if (rows.length > 0) return rows.length;
      }
    });
    all.push(milliseconds);
  }
  return { milliseconds: Math.max(...all), rows: VISIBLE_EXECS };
}

function largeAnswer({ pid, extension }: ReplayedExtension, megabytesBefore: number) {
  const before = cpuMicroseconds(pid);
  resetPeak(pid);
  const bytes = drain(extension.socketPath);
  return {
    cpuSeconds: (cpuMicroseconds(pid) - before) / 1e6,
    megabytes: bytes / 1e6,
    peakMegabytesMore: memoryMegabytes(pid).peak - megabytesBefore,
  };
}

/** Reads all rows without looking at them, in a process of its own; answers how many bytes that were. */
function drain(socketPath: string): number {
  const program = fileURLToPath(new URL('draining_process.ts', import.meta.url));
  return Number(
    execFileSync(process.execPath, ['--disable-warning=ExperimentalWarning', program, socketPath], {
      encoding: 'utf8',
    }),
  );
}

async function orMissing(action: () => Promise<Timed>): Promise<Timed | undefined> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof TableMissing) return undefined;
    throw error;
  }
}

function figuresOf(all: readonly Timed[]): LatencyFigures {
  return {
    milliseconds: rangeOf(all.map(({ milliseconds }) => milliseconds)),
    rows: rangeOf(all.map(({ rows }) => rows)),
  };
}

function figuresOrMissing(all: readonly (Timed | undefined)[]): LatencyFigures | undefined {
  const answered = all.filter((one) => one !== undefined);
  return answered.length === all.length && all.length > 0 ? figuresOf(answered) : undefined;
}
