/**
 * OSQUERYD=/path/to/osqueryd node test/bench/detections_osqueryd.ts [--rate 20] [--minutes 2] [PACK.conf …]
 *
 * What a stock osqueryd and the extension spend on all detections beside programs that are executed at an even rate: without a
 * schedule, with a query each (packs/detections.conf), with one query for all (packs/detections-combined.conf), and with the
 * packs that are named. osqueryd has the limits of its watchdog. Needs root.
 */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Pack } from '../../packaging/osquery/pack.ts';
import { StockOsqueryd } from '../osquery/stock_osquery.ts';
import { childrenOf, cpuMicroseconds, memoryMegabytes } from './process_cost.ts';
import { pacedWorkload } from './workload.ts';

const { values, positionals } = parseArgs({
  options: { rate: { type: 'string', default: '20' }, minutes: { type: 'string', default: '2' } },
  allowPositionals: true,
});
const rate = Number(values.rate);
const seconds = Number(values.minutes) * 60;
/** In this time each query has run once: its first answer has all rows that are kept. */
const WARM_UP_SECONDS = 75;
/** The share of a core that osquery's watchdog allows its worker for 12 s (osquery/core/watcher.cpp, watchdog_level 0). */
const WATCHDOG_PERCENT = 10;

const packFile = (name: string) =>
  fileURLToPath(new URL(`../../packaging/osquery/packs/${name}.conf`, import.meta.url));

async function measure(name: string, packs: readonly string[]): Promise<void> {
  const scheduled = packs.map((path): [string, Pack] => [
    basename(path, '.conf'),
    JSON.parse(readFileSync(path, 'utf8')) as Pack,
  ]);
  const queries = scheduled.reduce((sum, [, pack]) => sum + Object.keys(pack.queries).length, 0);
  const osqueryd = new StockOsqueryd({
    config: { packs: Object.fromEntries(scheduled) },
    flags: ['--watchdog_level=0', '--schedule_splay_percent=10', '--pack_refresh_interval=5'],
  });
  try {
    await osqueryd.ready();
    const workload = pacedWorkload(rate, WARM_UP_SECONDS + seconds + 5).run();
    await sleep(WARM_UP_SECONDS * 1000);
    const watched = { extension: new Watched(), worker: new Watched() };
    for (let second = 0; second <= seconds; second++) {
      if (second > 0) await sleep(1000);
      for (const pid of childrenOf(osqueryd.pid)) watched[isExtension(pid) ? 'extension' : 'worker'].sample(pid);
    }
    const { extension, worker } = watched;
    const percent = ({ microseconds }: Watched) => (microseconds / (seconds * 10_000)).toFixed(2);
    const [row] = await osqueryd.query(
      'SELECT count(*) AS n, sum(lost_rows) AS lost FROM process_ancestry_subscribers',
    );
    const stopped = osqueryd.stderr.split('\n').filter((line) => line.includes('stopping: '));
    console.log(
      `${name}: ${queries} queries, ${row?.n} subscribers, ${row?.lost || 0} rows lost: extension ${percent(extension)} % of a core, ` +
        `${extension.megabytes.toFixed(0)} MB; worker of osqueryd ${percent(worker)} %, above ${WATCHDOG_PERCENT} % for at most ` +
        `${worker.longest} s, ${worker.megabytes.toFixed(0)} MB; stopped by the watchdog: ${stopped.length}`,
    );
    for (const line of new Set(stopped.map((text) => text.replace(/^.*stopping: /, '')))) console.log(`  ${line}`);
    (await workload).remove();
  } finally {
    await osqueryd.stop();
  }
}

/** What a process takes, in samples a second apart. After its end another process takes its place. */
class Watched {
  microseconds = 0;
  megabytes = 0;
  /** The longest time in which it took more than the watchdog allows, in seconds. */
  longest = 0;
  #pid = 0;
  #last = 0;
  #burst = 0;

  sample(pid: number): void {
    try {
      const now = cpuMicroseconds(pid);
      const taken = pid === this.#pid ? now - this.#last : 0;
      this.microseconds += taken;
      this.#burst = taken > WATCHDOG_PERCENT * 10_000 ? this.#burst + 1 : 0;
      this.longest = Math.max(this.longest, this.#burst);
      this.megabytes = Math.max(this.megabytes, memoryMegabytes(pid).peak);
      this.#pid = pid;
      this.#last = now;
    } catch {
      // It has ended.
    }
  }
}

function isExtension(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('main.js');
  } catch {
    return false;
  }
}

await measure('no schedule', []);
await measure('a query each', [packFile('detections')]);
await measure('one query', [packFile('detections-combined')]);
if (positionals.length > 0) await measure('a query each, with the packs', [packFile('detections'), ...positionals]);
