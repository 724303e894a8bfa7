/**
 * npm run bench [-- [storms] [idle] [soak] [javascript] [queries] [--repetitions N] [--old DIRECTORY]]: the cost of
 * recording, side by side with others, the old commit and nothing, and the cost of answers. See README.md. Needs root,
 * kernel audit and, for the storms, apt-get.
 */
import { cpus, release, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { canRecord } from '../integration/extension_under_test.ts';
import { type Checkout, oldCheckout } from './checkout.ts';
import { measureIdle } from './idle.ts';
import { watchForSignals } from './interruption.ts';
import { measureJavaScript } from './javascript.ts';
import { installPackages, versionOf } from './peers/packages.ts';
import { measureQueries } from './queries.ts';
import { drawReadme, type Machine, type Results, reportOf, writeJson } from './report.ts';
import { measureSoak } from './soak.ts';
import { measureStorms } from './storms.ts';

const PARTS = ['storms', 'idle', 'soak', 'javascript', 'queries'] as const;
type Part = (typeof PARTS)[number];
/** A soak and an idle host take minutes: one for so many repetitions of the rest. */
const SOAK_PACE = 5;
const PEERS = ['auditd', 'laurel'];
/** laurel's Debian package leaves these at purge. */
const LEFTOVERS = { users: ['_laurel'], directories: ['/var/log/laurel'] };

const USAGE = `usage: npm run bench -- [${PARTS.join('|')} ...] [--repetitions N] [--old DIRECTORY]`;
const say = (text: string) => process.stderr.write(`${text}\n`);

interface CommandLine {
  readonly parts: ReadonlySet<Part>;
  readonly repetitions: number;
  /** A built checkout that is measured too. */
  readonly old: Checkout | undefined;
}

function commandLine(): CommandLine {
  const { values, positionals } = parseArgs({
    options: { repetitions: { type: 'string', default: '5' }, old: { type: 'string' } },
    allowPositionals: true,
  });
  const repetitions = Number(values.repetitions);
  const isPart = (name: string): name is Part => PARTS.some((part) => part === name);
  if (!Number.isInteger(repetitions) || repetitions < 1 || !positionals.every(isPart)) throw new Error(USAGE);
  const old = values.old === undefined ? undefined : oldCheckout(values.old);
  return { parts: new Set(positionals.length > 0 ? positionals.filter(isPart) : PARTS), repetitions, old };
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

async function measure({ parts, repetitions, old }: CommandLine): Promise<Results> {
  const few = Math.max(1, Math.floor(repetitions / SOAK_PACE));
  // The others are measured only in storms.
  const removePackages = parts.has('storms') ? installPackages(PEERS, LEFTOVERS) : () => undefined;
  try {
    return {
      date: new Date().toISOString().slice(0, 19),
      machine: machine(),
      repetitions,
      ...(parts.has('storms') ? { storms: await measureStorms(repetitions, old, say) } : {}),
      ...(parts.has('idle') ? { idle: await measureIdle(few, old, say) } : {}),
      ...(parts.has('soak') ? { soak: await measureSoak(few, say) } : {}),
      ...(parts.has('javascript') ? { javascript: await measureJavaScript(repetitions, old, say) } : {}),
      ...(parts.has('queries') ? { queries: await measureQueries(repetitions, old, say) } : {}),
    };
  } finally {
    removePackages();
  }
}

async function main(): Promise<void> {
  const asked = commandLine();
  if (!canRecord()) throw new Error('run it as root on a kernel with audit');
  watchForSignals();
  const results = await measure(asked);
  const report = reportOf(results);
  console.log(`\n${report.budgets}\n\n${report.details}\n`);
  // The README shows whole runs only: their figures belong together.
  if (asked.parts.size === PARTS.length) drawReadme(report);
  say(`as JSON: ${writeJson(results)}`);
}

await main().catch((error: unknown) => {
  say(`bench: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
});
