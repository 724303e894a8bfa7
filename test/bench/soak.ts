/** Two million execs through one process: its memory after the first and after the second million. */
import { settled } from './listener.ts';
import { cpuMicroseconds, memoryMegabytes } from './process_cost.ts';
import { type Range, rangeOf } from './range.ts';
import { ReplayedExtension } from './replayed_extension.ts';
import { SoakLog } from './soak_log.ts';

const MILLION = 1_000_000;

export interface SoakFigures {
  readonly idleMegabytes: Range;
  readonly megabytesAfterFirst: Range;
  readonly megabytesAfterSecond: Range;
  readonly growthPercent: Range;
  readonly rowsPerSecond: Range;
  readonly cpuMicrosecondsPerExec: Range;
  readonly cacheHitPercent: Range;
  readonly completePercent: Range;
}

type Soaked = { readonly [Name in keyof SoakFigures]: number };

export async function measureSoak(repetitions: number, say: (text: string) => void): Promise<SoakFigures> {
  const all: Soaked[] = [];
  for (let repetition = 0; repetition < repetitions; repetition++) {
    say(`soak ${repetition + 1} of ${repetitions} …`);
    all.push(await soak(repetition + 1));
  }
  const range = (name: keyof SoakFigures) => rangeOf(all.map((one) => one[name]));
  return {
    idleMegabytes: range('idleMegabytes'),
    megabytesAfterFirst: range('megabytesAfterFirst'),
    megabytesAfterSecond: range('megabytesAfterSecond'),
    growthPercent: range('growthPercent'),
    rowsPerSecond: range('rowsPerSecond'),
    cpuMicrosecondsPerExec: range('cpuMicrosecondsPerExec'),
    cacheHitPercent: range('cacheHitPercent'),
    completePercent: range('completePercent'),
  };
}

async function soak(seed: number): Promise<Soaked> {
  const replayed = await ReplayedExtension.start();
  try {
    const { pid, extension } = replayed;
    const log = new SoakLog(seed);
    const residentMegabytes = async () => {
      // Memory of the storm is released after an idle interval of five seconds.
      await new Promise((resolve) => setTimeout(resolve, 11_000));
      await settled({ extension: pid });
      return memoryMegabytes(pid).now;
    };
    let seconds = 0;
    const feedMillion = async () => {
      const began = performance.now();
      await replayed.feed((execs) => log.next(execs), MILLION);
      seconds += (performance.now() - began) / 1000;
      return residentMegabytes();
    };
    const idleMegabytes = await residentMegabytes();
    const cpuBefore = cpuMicroseconds(pid);
    const megabytesAfterFirst = await feedMillion();
    const megabytesAfterSecond = await feedMillion();
    const cpuMicrosecondsPerExec = (cpuMicroseconds(pid) - cpuBefore) / (2 * MILLION);
    const stats = await extension.stats();
    await replayed.endLog();
    const rows = await extension.generate('process_ancestry_events', {}, ['ancestry_complete']);
    const complete = rows.filter(({ ancestry_complete }) => ancestry_complete === '1').length;
    return {
      idleMegabytes,
      megabytesAfterFirst,
      megabytesAfterSecond,
      growthPercent: (100 * (megabytesAfterSecond - megabytesAfterFirst)) / megabytesAfterFirst,
      rowsPerSecond: (2 * MILLION) / seconds,
      cpuMicrosecondsPerExec,
      cacheHitPercent: 100 * Number(stats.hit_rate),
      completePercent: (100 * complete) / rows.length,
    };
  } finally {
    await replayed.stop();
  }
}
