/** Grows the forest: process trees of known shape, with their truth. */
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Row } from './extension_under_test.ts';

const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/forest/${name}`, import.meta.url));
const BINARY = fileURLToPath(new URL('../../native/build/forest', import.meta.url));

/** Compiles it once. */
export function forestBinary(): string {
  const source = fixture('forest.c');
  if (!existsSync(BINARY) || statSync(BINARY).mtimeMs < statSync(source).mtimeMs) {
    execFileSync('cc', ['-O2', '-static', '-pthread', '-o', BINARY, source]);
  }
  return BINARY;
}

export interface ForestRun {
  readonly truthFile: string;
  /** The prefix of all tokens of this run. */
  readonly seed: string;
  readonly summary: string;
  readonly remove: () => void;
}

let runs = 0;

export async function runForest(options: {
  rounds: number;
  jobs: number;
  programs?: readonly string[];
}): Promise<ForestRun> {
  const directory = mkdtempSync(join(tmpdir(), 'forest-'));
  const truthFile = join(directory, 'truth.jsonl');
  const seed = `s${process.pid.toString(36)}${(runs++).toString(36)}`;
  const args = [
    '--truth',
    truthFile,
    '--seed',
    seed,
    '--rounds',
    String(options.rounds),
    '--jobs',
    String(options.jobs),
  ];
  const remove = () => rmSync(directory, { recursive: true, force: true });
  const running = promisify(execFile)(forestBinary(), [...args, ...(options.programs ?? [])]);
  try {
    const { stderr } = await running;
    return { truthFile, seed, summary: stderr.trim(), remove };
  } catch (error) {
    remove();
    // A killed one leaves the shared memory of its processes.
    for (const suffix of ['', '.exe', '.script'])
      rmSync(`/dev/shm/forest.${running.child.pid}${suffix}`, { force: true });
    throw error;
  }
}

export interface ProgramTally {
  readonly execs: number;
  readonly seen: number;
  readonly right: number;
  readonly doubled: number;
}

export interface Comparison extends ProgramTally {
  readonly seen_percent: number;
  /** At least the first ancestor is right. */
  readonly parent_percent: number;
  readonly right_percent: number;
  readonly programs: Readonly<Record<string, ProgramTally>>;
  /** The first few that differ from the truth. */
  readonly complaints: string;
}

/** Compares rows with the truth, with the forest's checker. */
export function compare(run: ForestRun, rows: readonly Row[]): Comparison {
  const rowsFile = `${run.truthFile}.rows`;
  const wanted = rows.map(({ pid, cmdline, ancestry }) => ({ pid, cmdline, ancestry }));
  writeFileSync(rowsFile, JSON.stringify(wanted));
  const check = (...more: string[]) =>
    spawnSync(process.execPath, [fixture('check-forest.mjs'), '--truth', run.truthFile, '--rows', rowsFile, ...more], {
      encoding: 'utf8',
      maxBuffer: 1 << 26,
    }).stdout;
  return { ...(JSON.parse(check('--json')) as Omit<Comparison, 'complaints'>), complaints: check('--show', '20') };
}

/** Rows that `query` gives for pids from `first` up to `end` exclusively. */
type QueryByPid = (columns: readonly string[], first: number, end: number) => Promise<readonly Row[]>;

const ROWS_A_QUERY = 500;

/**
 * Reads all rows for `compare`. Each row has the command lines of its ancestors, and those above this test may be long: all
 * rows in one answer may be more than process_ancestry_result_max_bytes.
 */
export async function forestRows(query: QueryByPid): Promise<Row[]> {
  const all = await query(['pid'], 0, Number.MAX_SAFE_INTEGER);
  const pids = all.map(({ pid }) => Number(pid)).sort((a, b) => a - b);
  const bounds = [...new Set(pids.filter((_, index) => index % ROWS_A_QUERY === 0)), Number.MAX_SAFE_INTEGER];
  const rows: Row[] = [];
  for (const [index, end] of bounds.slice(1).entries()) {
    rows.push(...(await query(['pid', 'cmdline', 'ancestry'], bounds[index] ?? 0, end)));
  }
  return rows;
}

/** One exec of the forest; forest.c describes the fields. */
export interface TrueExec {
  readonly token: string;
  readonly program: string;
  readonly sid: number;
  readonly pgid: number;
  readonly exit: number;
}

export function truthOf(run: ForestRun): TrueExec[] {
  const lines = readFileSync(run.truthFile, 'utf8').trim().split('\n');
  return lines.map((line) => JSON.parse(line) as TrueExec);
}

export interface SessionComparison {
  /** By program: the number of errors, and the first few. */
  readonly wrong: Readonly<Record<string, readonly (number | string)[]>>;
  /** Execs that have a row. */
  readonly checked: number;
  /** Of these, execs with an exit in the truth. */
  readonly ended: number;
}

/** Compares session, group and exit code of rows of execs and exits with the truth. */
export function wrongSessions(truth: readonly TrueExec[], rows: readonly Row[]): SessionComparison {
  const exits = new Map(rows.filter(({ action }) => action === 'exit').map((row) => [row.entity_id, row.exit_code]));
  const execs = new Map<string, Record<string, string>>();
  for (const row of rows) {
    if (row.action === 'exec') for (const word of (row.cmdline ?? '').split(' ')) execs.set(word, row);
  }
  const wrong: Record<string, string[]> = {};
  const complain = (program: string, what: string) => {
    wrong[program] ??= [];
    wrong[program].push(what);
  };
  let [checked, ended] = [0, 0];
  for (const { token, program, sid, pgid, exit } of truth) {
    const row = execs.get(token);
    if (!row) {
      complain(program, `${token} is missing`);
      continue;
    }
    checked++;
    // A process in its own namespace sees 0 for processes outside.
    if (sid !== 0 && row.sid !== String(sid)) complain(program, `${token}: sid ${row.sid}, not ${sid}`);
    if (pgid !== 0 && row.pgid !== String(pgid)) complain(program, `${token}: pgid ${row.pgid}, not ${pgid}`);
    if (exit < 0) continue;
    ended++;
    const code = exits.get(row.entity_id ?? '');
    if (code !== String(exit)) complain(program, `${token}: exit ${code}, not ${exit}`);
  }
  const first = Object.entries(wrong).map(([program, all]) => [program, [all.length, ...all.slice(0, 3)]]);
  return { wrong: Object.fromEntries(first), checked, ended };
}
