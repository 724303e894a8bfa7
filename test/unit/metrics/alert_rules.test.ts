/** packaging/prometheus: promtool accepts it, and every rule is tested. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const at = (name: string) => fileURLToPath(new URL(`../../../packaging/prometheus/${name}`, import.meta.url));
const rules = readFileSync(at('rules.yml'), 'utf8');
const alerts = [...rules.matchAll(/^ +- alert: (\w+)$/gm)].map(([, name = '']) => name);
const hasPromtool = spawnSync('sh', ['-c', 'command -v promtool']).status === 0;

function promtool(...args: string[]) {
  const { status, stdout, stderr } = spawnSync('promtool', args, { encoding: 'utf8' });
  return { status, said: `${stdout}${stderr}` };
}

describe.skipIf(!hasPromtool)('promtool', () => {
  test.each([
    ['takes the rules', ['check', 'rules', at('rules.yml')]],
    ['takes the example', ['check', 'config', at('prometheus.yml')]],
    ['sees each alert fire where it should, and only there', ['test', 'rules', at('rules.test.yml')]],
  ])('%s', (_what, args) => {
    const { status, said } = promtool(...args);
    expect(said).not.toContain('FAILED');
    expect(status, said).toBe(0);
  });
});

test('every alert is tested with a host where it fires and one where it does not', () => {
  const cases = readFileSync(at('rules.test.yml'), 'utf8')
    .split(/^ {2}- name: /m)
    .slice(1);
  const tried = cases.map((text) => /ALERTS\{alertname="(\w+)", alertstate="firing"\}/.exec(text)?.[1]);
  expect(tried.toSorted()).toEqual(alerts.toSorted());
  expect(alerts.length).toBeGreaterThan(15);
  for (const text of cases) {
    expect(text).toContain('instance="good"');
    expect(text.match(/^ +- labels:/gm)).toHaveLength(1);
    expect(text).toMatch(/- labels: .*instance="bad"/);
  }
});

test('every alert says how bad it is, where, and what to do; the guide names it', () => {
  const guide = readFileSync(at('README.md'), 'utf8');
  const texts = rules.split(/^ +- alert: /m).slice(1);
  for (const text of texts) {
    expect(text).toMatch(/severity: (critical|warning|info)\n/);
    expect(text).toMatch(/summary: "\{\{ \$labels\.instance \}\}: .{10,}"/);
    expect(text).toMatch(/description: ".{60,}"/);
  }
  for (const alert of alerts) expect(guide).toContain(`\`${alert}\``);
});
