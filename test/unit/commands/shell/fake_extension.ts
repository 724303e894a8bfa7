/** The stand-in extension as a program, with flags that make it misbehave. */
import { appendFileSync } from 'node:fs';
import { route, StandInExtension } from './stand_in_extension.ts';

const args = process.argv.slice(2);
const flag = (name: string): string | undefined => {
  const at = args.indexOf(name);
  return at === -1 ? undefined : (args[at + 1] ?? '');
};
const pidFile = flag('--pid-file');
if (pidFile !== undefined) appendFileSync(pidFile, `${process.pid}\n`);

if (args.includes('--fail')) {
  process.stderr.write('cannot open the moon\n');
  process.exit(3);
}
/** With --collector: like a recorder that has not chosen it at the first query. */
function stats(): Record<string, string>[] {
  const collector = flag('--collector');
  if (args.includes('--unreadable')) return [{ collector: 'replay', problems: '[{"code":"replay_failed"}]' }];
  if (collector === undefined) return [{ collector: 'audit', problems: '[]' }];
  looks += 1;
  if (looks === 1) return [{ collector: 'none', problems: '[]' }];
  return [{ collector, problems: collector === 'none' ? '[{"code":"disabled"}]' : '[]' }];
}
let looks = 0;

if (args.includes('--stubborn')) process.on('SIGTERM', () => process.stderr.write('never\n'));
if (args.includes('--silent')) setInterval(() => {}, 1000);
else {
  // Works for longer than the shell allows it to sleep.
  if (args.includes('--slow')) while (process.cpuUsage().user + process.cpuUsage().system < 1_000_000);
  const extension = new StandInExtension(
    {
      process_ancestry_cache_stats: route(['collector', 'TEXT'], ['problems', 'TEXT']),
      arguments: route(['value', 'TEXT']),
      started: route(['milliseconds_ago', 'BIGINT']),
      endless: route(['value', 'TEXT']),
    },
    {
      process_ancestry_cache_stats: stats,
      arguments: args.map((value) => ({ value })),
      started: () => {
        process.stderr.write('asked\n');
        return [{ milliseconds_ago: String(Math.round(process.uptime() * 1000)) }];
      },
      endless: () => {
        process.stderr.write('asked\n');
        return new Promise<never>(() => undefined);
      },
    },
  );
  await extension.register(flag('--socket') ?? '');
  process.stderr.write('registered\n');
  process.stdout.write('said on stdout\n');
  if (args.includes('--die')) setTimeout(() => process.exit(4), 50);
}
