/** The cost of an exec in JavaScript, from a batch of the collector to a row on disk: this version and 0.1.0. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Checkout, nodeOf, THIS } from './checkout.ts';
import { throwIfInterrupted } from './interruption.ts';
import type { Cost } from './javascript/measured_process.ts';
import { type Range, rangeOf } from './range.ts';

const PROGRAM = fileURLToPath(new URL('javascript/measured_process.ts', import.meta.url));
/** Processes per batch: a busy host, and quieter ones. */
export const BATCHES = [90, 30, 10] as const;
/** More than the kept rows, so that each batch drops some; and the code is compiled by then. */
const WARM_UP_EXECS = 25_000;
const MEASURED_EXECS = 30_000;

export interface JavaScriptFigures {
  readonly batch: number;
  readonly checkout: string;
  readonly cpuMicroseconds: Range;
  readonly bytes: Range;
  /** Ratio to the old commit in the same repetition; undefined without it. */
  readonly cpuOfOld: Range | undefined;
  readonly bytesOfOld: Range | undefined;
}

export async function measureJavaScript(
  repetitions: number,
  old: Checkout | undefined,
  say: (text: string) => void,
): Promise<JavaScriptFigures[]> {
  const checkouts = old ? [old, THIS] : [THIS];
  const figures: JavaScriptFigures[] = [];
  for (const batch of BATCHES) {
    const taken = new Map(checkouts.map((checkout) => [checkout, [] as Cost[]]));
    for (let repetition = 0; repetition < repetitions; repetition++) {
      say(`javascript, batches of ${batch}: ${repetition + 1} of ${repetitions} …`);
      for (const checkout of repetition % 2 === 0 ? checkouts : checkouts.toReversed()) {
        throwIfInterrupted();
        taken.get(checkout)?.push(await costOf(checkout, batch));
      }
    }
    const others = old && taken.get(old);
    for (const [checkout, costs] of taken) {
      const range = (of: (cost: Cost) => number) => rangeOf(costs.map(of));
      const ratio = (of: (cost: Cost) => number) =>
        others && rangeOf(costs.map((cost, n) => of(cost) / of(others[n] ?? cost)));
      figures.push({
        batch,
        checkout: checkout.name,
        cpuMicroseconds: range(cpu),
        bytes: range(bytes),
        cpuOfOld: ratio(cpu),
        bytesOfOld: ratio(bytes),
      });
    }
  }
  return figures;
}

const cpu = ({ cpuMicrosecondsPerExec }: Cost) => cpuMicrosecondsPerExec;
const bytes = ({ bytesPerExec }: Cost) => bytesPerExec;

async function costOf(checkout: Checkout, batch: number): Promise<Cost> {
  const { node, options } = nodeOf(checkout);
  const numbers = [batch, WARM_UP_EXECS, MEASURED_EXECS].map(String);
  const args = [...options, PROGRAM, checkout.directory, checkout.version, ...numbers];
  const { stdout } = await promisify(execFile)(node, args, { encoding: 'utf8' });
  return JSON.parse(stdout) as Cost;
}
