import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import inspector from 'node:inspector';
import { batchesOf, durationMs, happenings } from './execs.ts';
import { startProgram, type Version } from './program.ts';
const [, , checkout = '', version = '', per = '6', everyMs = '250', count = '60'] = process.argv;
const directory = mkdtempSync(join(tmpdir(), 'bench-paced-'));
try {
  const program = await startProgram(checkout, version as Version, join(directory, 'rows'), 20000);
  const warm = batchesOf(happenings(Math.max(Date.now() - program.bootToUnixMs - durationMs(60000), 5000)), 280, 90).map((b) => program.batch(b));
  for (const b of warm) { program.feed(b); await new Promise(setImmediate); }
  await sleep(3000);
  const source = happenings(Date.now() - program.bootToUnixMs);
  const all = batchesOf(source, Number(count), Number(per)).map((b) => program.batch(b));
  await sleep(1000);
  const s = new inspector.Session(); s.connect();
  if (process.env.PROF) { s.post('Profiler.enable'); s.post('Profiler.setSamplingInterval', { interval: 100 }); s.post('Profiler.start'); }
  const c = process.cpuUsage();
  for (const b of all) { program.feed(b); await sleep(Number(everyMs)); }
  await sleep(500);
  const d = process.cpuUsage(c);
  console.log(version, 'us/exec', ((d.user + d.system) / Number(count) / Number(per)).toFixed(0), 'us/batch', ((d.user + d.system) / Number(count)).toFixed(0), JSON.stringify(d), program.counts.published);
  if (process.env.PROF) await new Promise<void>((q) => s.post('Profiler.stop', (e, { profile }) => { writeFileSync(process.env.PROF as string, JSON.stringify(profile)); q(); }));
  program.close();
} finally { rmSync(directory, { recursive: true, force: true }); }
process.exit(0);
