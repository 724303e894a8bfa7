/**
 * node test/bench/detections_cost.ts: what one run of all detections costs on 1,000 new executions, eight processes deep (50 s at 20
 * a second), with a query each and as one query, alone and with 144 Sigma rules: CPU of the extension, and time of SQLite for its rows.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { readPack } from '../../packaging/osquery/pack.ts';
import { compileRule } from '../../src/commands/sigma/rule.ts';
import { scheduledQueries } from '../../src/commands/sigma/scheduled_queries.ts';
import { columns as allowColumns } from '../../tables/process_ancestry_allow.ts';
import { columns } from '../../tables/process_ancestry_events.ts';
import { ExtensionUnderTest, until } from '../integration/extension_under_test.ts';
import { logOfExecs } from '../integration/log_of_execs.ts';
import { cpuMicroseconds } from './process_cost.ts';

const EXECS = 1000;
const REPETITIONS = 5;

const directory = mkdtempSync(join(tmpdir(), 'pa-cost-'));
const queriesOf = (pack: string) => Object.values(readPack(pack).queries).map(({ query }) => query);
const SIGMA_RULES = 144;
const sigma = (rulesPerQuery: number) =>
  scheduledQueries(
    Array.from({ length: SIGMA_RULES }, (_, n) => sigmaRule(n)),
    rulesPerQuery,
  ).map(({ name, statement }) => statement(`sigma.${name}`));
const FORMS = {
  'a query each': queriesOf('detections'),
  'one query': queriesOf('detections-combined'),
  'a query each, also of 144 Sigma rules': [...queriesOf('detections'), ...sigma(1)],
  'one query, and one of 144 Sigma rules': [...queriesOf('detections-combined'), ...sigma(SIGMA_RULES)],
};
type Result = Record<'extension' | 'sqlite' | 'withoutNews', number>;
try {
  writeFileSync(join(directory, 'audit.log'), logOfExecs(EXECS));
  for (const [form, queries] of Object.entries(FORMS)) {
    const results: Result[] = [];
    for (let n = 0; n < REPETITIONS; n++) results.push(await measure(queries));
    const median = (of: keyof Result) => results.map((one) => one[of]).sort((a, b) => a - b)[REPETITIONS >> 1] ?? 0;
    console.log(
      `${form}, ${queries.length} over ${EXECS} new executions: ${median('extension').toFixed(0)} ms CPU of the extension, ${median('sqlite').toFixed(0)} ms of SQLite; without news ${median('withoutNews').toFixed(0)} ms CPU of the extension`,
    );
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
}

/** A made-up rule of the usual size: a program, words of its command line, and an exception. */
function sigmaRule(n: number) {
  const detection = {
    program: { 'Image|endswith': [`/tool-${n}`, `/tool-${n}.sh`, '/curl'] },
    words: {
      'CommandLine|contains|all': [`--option-${n % 12}`, 'http'],
      'CommandLine|contains': ['/tmp/', '/dev/shm/', '.onion'],
    },
    allowed: { 'ParentImage|startswith': ['/usr/sbin/', '/usr/lib/systemd/'] },
    condition: 'program and words and not allowed',
  };
  const rule = compileRule({
    ...{ title: `Rule ${n}`, id: `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`, level: 'medium', detection },
    logsource: { product: 'linux', category: 'process_creation' },
  });
  if (!('condition' in rule)) throw new Error(JSON.stringify(rule));
  return rule;
}

async function measure(queries: readonly string[]): Promise<Result> {
  const flags = ['--collector', 'replay', '--replay-file', join(directory, 'audit.log')];
  const extension = await ExtensionUnderTest.start(flags, { recording: false });
  try {
    await until('read', async () => (await extension.stats()).events_published === String(EXECS));
    const pid = extension.child.pid ?? 0;
    const runAll = async () => {
      const before = cpuMicroseconds(pid);
      for (const query of queries) await extension.manager.query(query);
      return (cpuMicroseconds(pid) - before) / 1000;
    };
    const ofExtension = await runAll();
    // A subscriber that asks again at once gets the same rows.
    await new Promise((resolve) => setTimeout(resolve, 400));
    const withoutNews = await runAll();
    const rows = await extension.generate('process_ancestry_events');
    return { extension: ofExtension, sqlite: timeOfSqlite(rows, queries), withoutNews };
  } finally {
    await extension.stop();
  }
}

/** The statements over a table with the rows, for each subscriber. */
function timeOfSqlite(rows: readonly Record<string, string>[], queries: readonly string[]): number {
  using database = new DatabaseSync(':memory:');
  const names = columns.map(({ name }) => name);
  database.exec(`CREATE TABLE process_ancestry_events (${columns.map(({ name, type }) => `${name} ${type}`).join()})`);
  const insert = database.prepare(`INSERT INTO process_ancestry_events VALUES (${names.map(() => '?').join()})`);
  for (const row of rows) insert.run(...names.map((name) => row[name] ?? null));
  const allow = allowColumns.map(({ name, type }) => `${name} ${type}`).join();
  database.exec(`CREATE TABLE process_ancestry_allow (${allow})`);
  const statements = queries.map((query) => query.replace(/subscriber = '[^']+'/, "subscriber = ''"));
  const began = performance.now();
  for (const statement of statements) database.prepare(statement).all();
  return performance.now() - began;
}
