/** The parsers of bytes from the kernel and from logs, under libFuzzer: a minute for each target of native/fuzz. */
import { execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const SECONDS = Number(process.env.FUZZ_SECONDS ?? 60);
/** Only a safety net for one input. */
const INPUT_SECONDS = 60;
const INPUT_MAX_BYTES = 4096;
const at = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const FUZZ = at('native/fuzz');
/** The folder for inputs that break a target. */
const FOUND = at('dist/fuzz');
const SEEDS: Readonly<Record<string, readonly string[]>> = {
  audit_fuzzer: [at('test/fixtures/audit-logs'), at('test/fixtures/recorded-logs')],
};
const TARGETS = readdirSync(FUZZ).flatMap((name) => /^(\w+_fuzzer)\.cc$/.exec(name)?.[1] ?? []);
/** clang, and libFuzzer, which is in another package. */
const hasFuzzer =
  spawnSync('sh', ['-c', 'ls "$(clang++ -print-resource-dir)"/lib/linux/libclang_rt.fuzzer-*']).status === 0;

describe.skipIf(!process.env.CI && !hasFuzzer)('no input breaks', () => {
  let programs: string;
  beforeAll(async () => {
    programs = mkdtempSync(join(tmpdir(), 'pa-fuzz-'));
    await promisify(execFile)('sh', [join(FUZZ, 'build.sh'), programs]);
  });
  afterAll(() => rmSync(programs, { recursive: true, force: true }));

  test.each(TARGETS)('%s', async (target) => {
    const corpus = join(programs, `${target}.corpus`);
    for (const folder of [corpus, FOUND]) mkdirSync(folder, { recursive: true });
    const dictionary = join(FUZZ, `${target}.dict`);
    const args = [
      ...[`-max_total_time=${SECONDS}`, `-timeout=${INPUT_SECONDS}`, `-max_len=${INPUT_MAX_BYTES}`],
      ...[`-artifact_prefix=${join(FOUND, `${target}-`)}`, '-print_final_stats=1'],
      ...(existsSync(dictionary) ? [`-dict=${dictionary}`] : []),
      ...[corpus, ...(SEEDS[target] ?? [])],
    ];
    const running = spawn(join(programs, target), args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    running.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    const [status] = (await once(running, 'close')) as [number | null];
    const [, inputs = '0'] = /number_of_executed_units: (\d+)/.exec(said) ?? [];
    console.log(`${target}: ${inputs} inputs in ${SECONDS} s`);
    // Its last lines name the file with the input.
    expect(status, said.slice(-6_000)).toBe(0);
    expect(Number(inputs)).toBeGreaterThan(0);
  });
});
