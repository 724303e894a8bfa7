/** Flags, workers and schedules of a stock osqueryd that loads the extension by itself, on the real kernel. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { canRecord, until } from '../integration/extension_under_test.ts';
import { StockOsqueryd } from './stock_osquery.ts';

const PATIENCE_MS = 240_000;
let osquery: StockOsqueryd | undefined;
const made: string[] = [];
afterEach(async () => {
  await osquery?.stop();
  osquery = undefined;
  for (const directory of made.splice(0)) rmSync(directory, { recursive: true, force: true });
}, PATIENCE_MS);

const scratch = () => {
  const directory = mkdtempSync(join(tmpdir(), 'pa-rows-'));
  made.push(directory);
  return directory;
};

/** Repeats a function until it is stopped. */
function again(run: (n: number) => void, everyMs: number): { end: () => number } {
  let n = 0;
  const timer = setInterval(() => run(n++), everyMs);
  return {
    end: () => {
      clearInterval(timer);
      return n;
    },
  };
}

const tagged = (tag: string) =>
  `SELECT cmdline, ancestry_depth, ancestry_truncated FROM process_ancestry_events WHERE cmdline LIKE '%${tag}%'`;

describe.skipIf(!canRecord())('a stock osqueryd', () => {
  /** Waits for the last of a number of execs: all from the first row on have rows without a secret. Returns the first. */
  async function seenUpTo(tag: string, count: number): Promise<number> {
    const rows = () => osquery?.query(tagged(tag)) ?? Promise.resolve([]);
    await until('the last is seen', async () =>
      (await rows()).some(({ cmdline }) => cmdline?.includes(`${tag}${count - 1} `)),
    );
    const seen = await rows();
    const numbers = seen.map(({ cmdline = '' }) =>
      Number(new RegExp(`${tag}(\\d+) password=\\*\\*\\*$`).exec(cmdline)?.[1]),
    );
    const first = Math.min(...numbers);
    expect(numbers.toSorted((a, b) => a - b)).toEqual(Array.from({ length: count - first }, (_, n) => first + n));
    expect(seen.every(({ ancestry_depth }) => Number(ancestry_depth) <= 2)).toBe(true);
    return first;
  }

  test(
    'stores nothing by flags other than its configuration’s, at the start and after its worker was killed',
    async () => {
      const rows = join(scratch(), 'rows');
      const options = {
        custom_process_ancestry_redact: '["password=(\\\\w+)"]',
        custom_process_ancestry_database: rows,
        custom_process_ancestry_max_depth: '2',
      };
      osquery = new StockOsqueryd({ config: { options } });
      const early = again((n) => execFileSync('/bin/true', [`EARLY${n}`, 'password=hunter1']), 50);
      await osquery.ready();
      expect(await osquery.value('SELECT problems FROM process_ancestry_cache_stats')).toBe('[]');
      await seenUpTo('EARLY', early.end());

      const worker = await osquery.worker();
      process.kill(worker, 'SIGKILL');
      const later = again((n) => execFileSync('/bin/true', [`LATER${n}`, 'password=hunter2']), 50);
      await until('another worker', async () => (await osquery?.worker().catch(() => worker)) !== worker);
      await osquery.ready();
      expect(await seenUpTo('LATER', later.end())).toBe(0);
      expect(osquery.stderr).not.toContain('"process_ancestry_database":"auto"');
      for (const secret of ['hunter1', 'hunter2']) {
        expect(osquery.filesWith(secret)).toEqual([]);
        expect(osquery.filesWith(secret, rows)).toEqual([]);
      }
      expect(existsSync(osquery.at('process_ancestry'))).toBe(false);
    },
    PATIENCE_MS,
  );

  test(
    'a schedule of one second gives every row to its subscriber once, in order, all the time',
    async () => {
      const query = "SELECT eid, cmdline FROM process_ancestry_events WHERE subscriber = 'every'";
      osquery = new StockOsqueryd({ config: { schedule: { every: { query, interval: 1, removed: false } } } });
      await osquery.ready();
      const execs = again((n) => execFileSync('/bin/true', [`TICK${n}`]), 100);
      // New rows come at each run, and two more readers ask from time to time, as people do.
      await until('ten runs', async () => {
        await osquery?.query("SELECT count(*) FROM process_ancestry_events WHERE subscriber = 'person'");
        const eids = new Set(osquery?.results('every').map(({ eid }) => eid));
        return eids.size > 100;
      });
      const last = execs.end();
      const ticks = () => osquery?.results('every').filter(({ cmdline }) => cmdline?.includes('TICK')) ?? [];
      await until('all there', () => ticks().length >= last);
      const eids = osquery.results('every').map(({ eid }) => eid ?? '');
      expect(eids).toEqual([...new Set(eids)].toSorted());
      expect(ticks().map(({ cmdline }) => cmdline)).toEqual(
        Array.from({ length: last }, (_, n) => `/bin/true TICK${n}`),
      );
    },
    PATIENCE_MS,
  );
});
