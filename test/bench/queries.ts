/** The cost of answers: latencies as seen by osquery, and the extension's CPU and memory for a large one. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { ColumnOption, ExtensionClient } from '../../src/osquery/index.ts';
import { columns } from '../../tables/process_ancestry_events.ts';
import { ExtensionUnderTest, type Row } from '../integration/extension_under_test.ts';
import { runForest } from '../integration/forest.ts';
import { logOfExecs } from '../integration/log_of_execs.ts';
import { borrowAudit, quietAudit, restoreAudit } from './audit_state.ts';
import { type Checkout, requireLauncher, THIS } from './checkout.ts';
import { EventLoop } from './event_loop.ts';
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
/** 10,000 full rows take 37 MB, more than this version's default limit of an answer. */
const ROOMY = ['--result-max-bytes', '268435456'];
const POINT_QUERIES = 300;
const OUTER_ROWS = 200;
/** Number of queries per repetition, of which the median counts. */
const WINDOW_QUERIES = 5;
const JOINS = 3;
const VISIBLE_EXECS = 25;
const WINDOW_SECONDS = 10;
/** A subscriber that asks again sooner gets the same rows once more (GIVEN_AGAIN_MS). */
const SUBSCRIBER_PAUSE_MS = 400;

export interface LatencyFigures {
  readonly milliseconds: Range;
  /** The longest time for which one piece of work blocked the event loop. */
  readonly pieceMilliseconds: Range;
  readonly rows: Range;
  /** Ratio to the old commit's time in the same repetition. */
  readonly ofOld: Range | undefined;
}

/** Figures of one checkout. Undefined: it does not answer that query. */
export interface QueryFigures {
  readonly checkout: string;
  readonly point: LatencyFigures | undefined;
  readonly window: LatencyFigures | undefined;
  readonly join: LatencyFigures | undefined;
  readonly subscriber: LatencyFigures | undefined;
  /** From before a program starts until its row is answered. */
  readonly visible: LatencyFigures | undefined;
  readonly largeAnswer: {
    readonly cpuSeconds: Range;
    readonly cpuOfOld: Range | undefined;
    readonly pieceMilliseconds: Range;
    /** The first query of the process, whose code is not compiled yet. */
    readonly firstCpuSeconds: number;
    readonly megabytes: Range;
    /** Relative to the memory before the first one, because it may keep that memory. */
    readonly peakMegabytesMore: Range;
  };
}

const KINDS = ['point', 'window', 'join', 'subscriber', 'visible'] as const;

/** One answer, or several that a statement needs together. */
interface Timed {
  readonly milliseconds: number;
  readonly rows: number;
}

interface Watched extends Timed {
  readonly pieceMilliseconds: number;
}

type LargeAnswer = Watched & Pick<ReturnType<typeof largeAnswer>, 'cpuSeconds' | 'megabytes' | 'peakMegabytesMore'>;

type Taken = Record<(typeof KINDS)[number], (Watched | undefined)[]> & {
  large: LargeAnswer[];
  firstCpuSeconds: number;
};

type Constraints = Readonly<Record<string, readonly { readonly op: number; readonly expr: string }[]>>;

/** An extension with rows of a log, and the watch of its event loop. */
interface Filled {
  readonly replayed: ReplayedExtension;
  readonly loop: EventLoop;
}

/** One checkout's two extensions. */
interface Asked {
  readonly checkout: Checkout;
  readonly many: Filled;
  readonly large: Filled;
  /** Median of `many`. */
  readonly rows: readonly Row[];
  readonly megabytesBefore: number;
}

/** Runs the checkouts in turn, in another order each time. Uses kernel audit for the subscriber, which needs new rows. */
export async function measureQueries(
  repetitions: number,
  old: Checkout | undefined,
  say: (text: string) => void,
): Promise<QueryFigures[]> {
  const checkouts = old ? [THIS, old] : [THIS];
  checkouts.forEach(requireLauncher);
  const taken = new Map(checkouts.map((checkout) => [checkout, nothingTaken()]));
  const wanted = await fullRow(old);
  const all: Asked[] = [];
  try {
    for (const checkout of checkouts) {
      say(`queries: reading logs (${checkout.name}) …`);
      all.push(await started(checkout));
    }
    // The first time of each does not count: code is compiled then.
    for (let repetition = 0; repetition <= repetitions; repetition++) {
      if (repetition > 0) say(`queries ${repetition} of ${repetitions} …`);
      for (const asked of repetition % 2 === 0 ? all : all.toReversed()) {
        throwIfInterrupted();
        const of = taken.get(asked.checkout) ?? nothingTaken();
        const { many, large, rows, megabytesBefore } = asked;
        const client = new ExtensionClient(many.replayed.extension.socketPath);
        const point = await watched(many, () => pointQueries(client, rows));
        const window = await watched(many, () => several(WINDOW_QUERIES, () => windowQuery(client, rows)));
        const join = await watched(many, () => several(JOINS, () => threeWayJoin(client, rows)));
        let answer: ReturnType<typeof largeAnswer> | undefined;
        const piece = await watched(large, async () => {
          answer = largeAnswer(large.replayed, megabytesBefore, wanted);
          return answer;
        });
        if (!piece || !answer) throw new Error('the rows were not answered');
        if (repetition === 0) {
          of.firstCpuSeconds = answer.cpuSeconds;
          continue;
        }
        of.point.push(point);
        of.window.push(window);
        of.join.push(join);
        of.large.push({ ...piece, ...answer });
      }
    }
  } finally {
    for (const { many, large } of all) {
      for (const { replayed, loop } of [many, large]) {
        await replayed.stop();
        loop.remove();
      }
    }
  }
  say('queries: a subscriber …');
  await liveQueries(repetitions, checkouts, taken);
  return checkouts.map((checkout) => figuresOf(checkout, taken.get(checkout), old && taken.get(old)));
}

function nothingTaken(): Taken {
  return { point: [], window: [], join: [], subscriber: [], visible: [], large: [], firstCpuSeconds: 0 };
}

async function started(checkout: Checkout): Promise<Asked> {
  const soak = new SoakLog();
  const many = await filled(checkout, (execs) => soak.next(execs), ROWS_KEPT);
  const large = await filled(checkout, atOnce(logOfExecs(LARGE_ANSWER_ROWS)), LARGE_ANSWER_ROWS);
  await settled({ many: many.replayed.pid, large: large.replayed.pid });
  const megabytesBefore = memoryMegabytes(large.replayed.pid).now;
  const rows = await many.replayed.extension.generate('process_ancestry_events', {}, ['pid', 'time', 'entity_id']);
  return { checkout, many, large, rows, megabytesBefore };
}

/** Names of the columns of SELECT * that the old commit has too: both answer the same. */
async function fullRow(old: Checkout | undefined): Promise<string[]> {
  const names = columns.filter(({ options }) => !(options & ColumnOption.hidden)).map(({ name }) => name);
  if (!old) return names;
  const table = pathToFileURL(join(old.directory, 'dist', 'tables', 'process_ancestry_events.js')).href;
  const before = (await import(table)) as { readonly columns: readonly { readonly name: string }[] };
  return names.filter((name) => before.columns.some((column) => column.name === name));
}

/** With the longest piece of the event loop meanwhile; undefined if the query is not answered. */
async function watched({ replayed, loop }: Filled, action: () => Promise<Timed>): Promise<Watched | undefined> {
  return watchedIn(replayed.pid, loop, action);
}

async function watchedIn(pid: number, loop: EventLoop, action: () => Promise<Timed>): Promise<Watched | undefined> {
  await loop.longestPiece(pid);
  try {
    const { milliseconds, rows } = await action();
    return { milliseconds, rows, pieceMilliseconds: await loop.longestPiece(pid) };
  } catch (error) {
    if (error instanceof TableMissing) return undefined;
    throw error;
  }
}

async function filled(checkout: Checkout, log: Log, rows: number): Promise<Filled> {
  const loop = new EventLoop();
  const replayed = await ReplayedExtension.start({ checkout, env: loop.env, flags: ROOMY });
  await replayed.feed(log, rows);
  await replayed.endLog();
  return { replayed, loop };
}

/** A log that is made as a whole is read as a whole. */
function atOnce(text: string): Log {
  const pieces = [text];
  return () => pieces.pop() ?? '';
}

/** One generate call as from osquery: a ping on one connection, the call on the next. */
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

/** The median of many, each for another pid. */
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
  return middleOf(all);
}

function middleOf(all: readonly Timed[]): Timed {
  return {
    milliseconds: rangeOf(all.map(({ milliseconds }) => milliseconds)).median,
    rows: rangeOf(all.map(({ rows }) => rows)).median,
  };
}

async function several(times: number, action: () => Promise<Timed>): Promise<Timed> {
  const all: Timed[] = [];
  for (let n = 0; n < times; n++) all.push(await action());
  return middleOf(all);
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

/**
 * `subscriber`: new rows since the last time, from a storm in between. `visible`: each exec's row. All record the same
 * storm.
 */
async function liveQueries(
  repetitions: number,
  checkouts: readonly Checkout[],
  taken: ReadonlyMap<Checkout, Taken>,
): Promise<void> {
  const borrowed = borrowAudit();
  const all: { checkout: Checkout; extension: ExtensionUnderTest; loop: EventLoop }[] = [];
  try {
    quietAudit();
    for (const checkout of checkouts) {
      const loop = new EventLoop();
      const options = { program: checkout.program, env: loop.env };
      all.push({ checkout, loop, extension: await ExtensionUnderTest.start(extensionFlags(), options) });
    }
    const columns = ['time', 'pid', 'path', 'cmdline', 'ancestry'];
    const subscriber = equals('bench');
    for (let repetition = 0; repetition <= repetitions; repetition++) {
      throwIfInterrupted();
      (await runForest({ programs: ['short_lived'], jobs: 2, rounds: 60 })).remove();
      await new Promise((resolve) => setTimeout(resolve, SUBSCRIBER_PAUSE_MS));
      for (const { checkout, extension, loop } of repetition % 2 === 0 ? all : all.toReversed()) {
        const pid = extension.child.pid ?? 0;
        await settled({ extension: pid });
        const client = new ExtensionClient(extension.socketPath);
        const read = () =>
          timed(async () => (await ask(client, 'process_ancestry_events', { subscriber }, columns)).length);
        const answer = await watchedIn(pid, loop, read);
        const seen = await watchedIn(pid, loop, () => visibleAfter(client, `${repetition}-${checkout.version}`));
        if (repetition === 0) continue;
        taken.get(checkout)?.subscriber.push(answer && answer.rows > 0 ? answer : undefined);
        taken.get(checkout)?.visible.push(seen);
      }
    }
  } finally {
    for (const { extension, loop } of all) {
      await extension.stop();
      loop.remove();
    }
    restoreAudit(borrowed);
  }
}

/** The longest of many. */
async function visibleAfter(client: ExtensionClient, token: string): Promise<Timed> {
  const all: number[] = [];
  for (let n = 0; n < VISIBLE_EXECS; n++) {
    const name = `visible-${token}-${n}`;
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

function largeAnswer({ pid, extension }: ReplayedExtension, megabytesBefore: number, columns: readonly string[]) {
  const before = cpuMicroseconds(pid);
  resetPeak(pid);
  const began = performance.now();
  const bytes = drain(extension.socketPath, columns);
  return {
    milliseconds: performance.now() - began,
    rows: LARGE_ANSWER_ROWS,
    cpuSeconds: (cpuMicroseconds(pid) - before) / 1e6,
    megabytes: bytes / 1e6,
    peakMegabytesMore: memoryMegabytes(pid).peak - megabytesBefore,
  };
}

/** Reads all rows without parsing them, in its own process; returns the number of bytes. */
function drain(socketPath: string, columns: readonly string[]): number {
  const program = fileURLToPath(new URL('draining_process.ts', import.meta.url));
  return Number(
    execFileSync(process.execPath, ['--disable-warning=ExperimentalWarning', program, socketPath, ...columns], {
      encoding: 'utf8',
    }),
  );
}

function figuresOf({ name }: Checkout, taken = nothingTaken(), old: Taken | undefined = undefined): QueryFigures {
  const latency = (kind: (typeof KINDS)[number]): LatencyFigures | undefined => {
    const answered = taken[kind].filter((one) => one !== undefined);
    if (answered.length < taken[kind].length || answered.length === 0) return undefined;
    const ratios = answered.map(({ milliseconds }, n) => milliseconds / (old?.[kind][n]?.milliseconds ?? Number.NaN));
    return {
      milliseconds: rangeOf(answered.map(({ milliseconds }) => milliseconds)),
      pieceMilliseconds: rangeOf(answered.map(({ pieceMilliseconds }) => pieceMilliseconds)),
      rows: rangeOf(answered.map(({ rows }) => rows)),
      ofOld: ratios.some(Number.isNaN) ? undefined : rangeOf(ratios),
    };
  };
  const { large, firstCpuSeconds } = taken;
  const range = (of: (answer: LargeAnswer) => number) => rangeOf(large.map(of));
  return {
    checkout: name,
    point: latency('point'),
    window: latency('window'),
    join: latency('join'),
    subscriber: latency('subscriber'),
    visible: latency('visible'),
    largeAnswer: {
      firstCpuSeconds,
      cpuSeconds: range(({ cpuSeconds }) => cpuSeconds),
      cpuOfOld: old && rangeOf(large.map(({ cpuSeconds }, n) => cpuSeconds / (old.large[n]?.cpuSeconds ?? Number.NaN))),
      pieceMilliseconds: range(({ pieceMilliseconds }) => pieceMilliseconds),
      megabytes: range(({ megabytes }) => megabytes),
      peakMegabytesMore: range(({ peakMegabytesMore }) => peakMegabytesMore),
    },
  };
}
