/**
 * npm run bench [-- [storms] [idle] [soak] [queries] [--repetitions N]]: what recording costs, side by side with others and with
 * nothing, and what answers cost. See README.md. Needs root, kernel audit and, for the others, apt-get.
 */
import { cpus, release, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { canRecord } from '../integration/extension_under_test.ts';
import { measureIdle } from './idle.ts';
import { watchForSignals } from './interruption.ts';
import { installPackages, versionOf } from './peers/packages.ts';
import { measureQueries } from './queries.ts';
import { asMarkdown, drawReadme, type Machine, type Results, writeJson } from './report.ts';
import { measureSoak } from './soak.ts';
import { measureStorms } from './storms.ts';

const PARTS = ['storms', 'idle', 'soak', 'queries'] as const;
type Part = (typeof PARTS)[number];
/** A soak and an idle host take minutes: one for so many repetitions of the rest. */
const SOAK_PACE = 5;
const PEERS = ['auditd', 'laurel'];
/** laurel's Debian package keeps them when it is purged. */
const LEFTOVERS = { users: ['_laurel'], directories: ['/var/log/laurel'] };

const USAGE = `usage: npm run bench -- [${PARTS.join('|')} ...] [--repetitions N]`;
const say = (text: string) => process.stderr.write(`${text}\n`);

function commandLine(): { parts: ReadonlySet<Part>; repetitions: number } {
  const { values, positionals } = parseArgs({
    options: { repetitions: { type: 'string', default: '5' } },
    allowPositionals: true,
  });
  const repetitions = Number(values.repetitions);
  const isPart = (name: string): name is Part => PARTS.some((part) => part === name);
  if (!Number.isInteger(repetitions) || repetitions < 1 || !positionals.every(isPart)) throw new Error(USAGE);
  return { parts: new Set(positionals.length > 0 ? positionals.filter(isPart) : PARTS), repetitions };
}

function machine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cpus: cpus().length,
    memoryGigabytes: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
    auditd: versionOf('auditd'),
    laurel: versionOf('laurel'),
  };
}

async function measure(parts: ReadonlySet<Part>, repetitions: number): Promise<Results> {
  const removePackages = installPackages(PEERS, LEFTOVERS);
  try {
    return {
      date: new Date().toISOString().slice(0, 19),
      machine: machine(),
      repetitions,
      ...(parts.has('storms') ? { storms: await measureStorms(repetitions, say) } : {}),
      ...(parts.has('idle') ? { idle: await measureIdle(Math.max(1, Math.floor(repetitions / SOAK_PACE)), say) } : {}),
      ...(parts.has('soak') ? { soak: await measureSoak(Math.max(1, Math.floor(repetitions / SOAK_PACE)), say) } : {}),
      ...(parts.has('queries') ? { queries: await measureQueries(repetitions, say) } : {}),
    };
  } finally {
    removePackages();
  }
}

async function main(): Promise<void> {
  const { parts, repetitions } = commandLine();
  if (!canRecord()) throw new Error('run it as root on a kernel with audit');
  watchForSignals();
  const results = await measure(parts, repetitions);
  const markdown = asMarkdown(results);
  console.log(`\n${markdown}\n`);
  // The README shows whole runs only: their figures belong together.
  if (parts.size === PARTS.length) drawReadme(markdown);
  say(`as JSON: ${writeJson(results)}`);
}

await main().catch((error: unknown) => {
  say(`bench: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
});
