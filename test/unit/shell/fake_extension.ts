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
if (args.includes('--stubborn')) process.on('SIGTERM', () => process.stderr.write('never\n'));
if (args.includes('--silent')) setInterval(() => {}, 1000);
else {
  const extension = new StandInExtension(
    {
      process_ancestry_cache_stats: route(['collector', 'TEXT']),
      arguments: route(['value', 'TEXT']),
      started: route(['milliseconds_ago', 'BIGINT']),
    },
    {
      process_ancestry_cache_stats: [{ collector: 'audit' }],
      arguments: args.map((value) => ({ value })),
      started: () => [{ milliseconds_ago: String(Math.round(process.uptime() * 1000)) }],
    },
  );
  await extension.register(flag('--socket') ?? '');
  process.stderr.write('registered\n');
  process.stdout.write('said on stdout\n');
  if (args.includes('--die')) setTimeout(() => process.exit(4), 50);
}
