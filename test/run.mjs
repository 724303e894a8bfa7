#!/usr/bin/env node
// Runs tests and prints, as its last line, how many passed and failed in all runners together.
//   run.mjs          types, lint, unit tests (native ones too), integration tests on the real kernel, and, where OSQUERYD or
//                    PATH has a stock osqueryd, tests on that
//   run.mjs check    types, lint and unit tests alone
//   run.mjs hosts    what is slow and about other hosts: the single executable, packages, Debian's
//                    kernels, Ansible, Fleet, Prometheus
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const bin = (name) => join(root, 'node_modules', '.bin', name);
const total = { passed: 0, failed: 0, skipped: 0 };
const scratch = mkdtempSync(join(tmpdir(), 'process-ancestry-test-'));

function run(command, args, stdio = 'inherit', more = {}) {
  const env = { ...process.env, ...more, PATH: `${dirname(bin('node'))}:${process.env.PATH}` };
  const done = spawnSync(command, args, { cwd: root, env, stdio, encoding: 'utf8', maxBuffer: 1 << 28 });
  if (done.error) console.error(`${command}: ${done.error.message}`);
  return done;
}

/** A check that is one thing: it passes or it fails. */
function check(what, command, args) {
  const done = run(command, args, 'pipe');
  const passed = done.status === 0;
  total[passed ? 'passed' : 'failed']++;
  console.log(`${passed ? '✓' : '×'} ${what}`);
  if (!passed) console.log(`${done.stdout ?? ''}${done.stderr ?? ''}`);
}

/** A runner that ends with `N passed, N failed`. */
function nativeTests() {
  const done = run(
    join(root, 'native', 'build', 'Release', 'native_tests'),
    [join(root, 'test', 'fixtures', 'audit-logs')],
    'pipe',
  );
  const counts = /(\d+) passed, (\d+) failed\s*$/.exec(done.stdout ?? '');
  total.passed += Number(counts?.[1] ?? 0);
  total.failed += counts ? Number(counts[2]) : 1;
  const good = done.status === 0 && counts?.[2] === '0';
  console.log(good ? `✓ native: ${counts[1]} tests` : `× native\n${done.stdout ?? ''}${done.stderr ?? ''}`);
}

function vitest(project, files = [], env = {}) {
  const report = join(scratch, `${project}.json`);
  rmSync(report, { force: true });
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const args = ['run', '--config', 'test/vitest.config.ts', '--project', project, ...reporters, ...files];
  const done = run(bin('vitest'), args, 'inherit', env);
  try {
    const result = JSON.parse(readFileSync(report, 'utf8'));
    total.passed += result.numPassedTests;
    total.failed += result.numFailedTests;
    total.skipped += result.numPendingTests + (result.numTodoTests ?? 0);
    // A file that could not even be loaded has no tests that failed.
    if (done.status !== 0 && result.numFailedTests === 0) total.failed++;
  } catch (error) {
    console.error(`vitest ${project}: no report: ${error.message}`);
    total.failed++;
  }
}

/** A check by a tool of Debian's, which CI has to have and a developer may have. */
function checkWith(tool, what, command, args) {
  const there = spawnSync('sh', ['-c', `command -v ${tool}`]).status === 0;
  if (there || process.env.CI) return check(what, command, args);
  total.skipped++;
  console.log(`- ${what}: skipped, ${tool} is not installed`);
}

const nativeSources = () =>
  readdirSync(join(root, 'native'), { recursive: true })
    .filter((path) => /\.(cc|h)$/.test(path) && !path.startsWith('build'))
    .map((path) => join('native', path));

function checks() {
  check('types', bin('tsc'), ['-p', 'tsconfig.json']);
  check('types of the page', bin('tsc'), ['-p', 'src/commands/tree/page/tsconfig.json']);
  check('lint and format', bin('biome'), ['check', '--error-on-warnings', '.']);
  checkWith('clang-format', 'native format', 'clang-format', ['--dry-run', '-Werror', ...nativeSources()]);
  checkWith('thrift', 'thrift/gen-nodejs is what the compiler makes', 'sh', ['thrift/generate.sh', '--check']);
  checkWith('clang', 'the eBPF programs are what clang makes of their source', 'sh', [
    'native/sensors/ebpf/generate.sh',
    '--check',
  ]);
  nativeTests();
  vitest('unit');
}

function hosts() {
  // Its build puts the launcher back, which the tests run.
  const inItsPlaces = [
    '(umask 077; npm run package)',
    'cmp dist/process_ancestry.ext dist/package/process_ancestry.ext',
    'node packaging/build.mjs',
    'head -c 2 dist/process_ancestry.ext | grep -qxF "#!"',
  ];
  check('npm run package makes the single executable, which needs no more than old hosts have', 'sh', [
    '-c',
    inItsPlaces.join(' && '),
  ]);
  vitest('hosts');
  const executable = join(root, 'dist', 'package', 'process_ancestry.ext');
  vitest('integration', ['life_cycle', 'restrictions'], { PROCESS_ANCESTRY_UNDER_TEST: executable });
}

/** Nothing is skipped where there is no osqueryd: it is another program, which few have. */
function stockOsquery() {
  const there = process.env.OSQUERYD || spawnSync('sh', ['-c', 'command -v osqueryd']).status === 0;
  if (there) vitest('osquery');
}

const MODES = {
  check: [checks],
  test: [checks, () => vitest('integration'), stockOsquery],
  hosts: [hosts],
};
const mode = process.argv[2] ?? 'test';
if (!Object.hasOwn(MODES, mode)) {
  console.error(`run.mjs: "${mode}" is none of ${Object.keys(MODES).join(', ')}`);
  process.exit(2);
}
for (const part of MODES[mode]) part();
rmSync(scratch, { recursive: true, force: true });
// Where the kernel can be recorded, a test that was skipped is a test that failed to run.
const canRecord = process.getuid() === 0 && existsSync('/proc/self/loginuid');
if (total.skipped > 0 && canRecord && process.env.CI) {
  console.log(`× ${total.skipped} skipped, on a machine that can run all`);
  total.failed++;
}
console.log(`${total.passed} passed, ${total.failed} failed${total.skipped ? `, ${total.skipped} skipped` : ''}`);
process.exit(total.failed === 0 && total.passed > 0 ? 0 : 1);
