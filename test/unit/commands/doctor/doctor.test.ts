import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { NativeUnavailableError } from '../../../../src/collect/native.ts';
import { CHECKS, type Diagnosis, diagnose } from '../../../../src/commands/doctor/doctor.ts';
import { exitCode, ok, problem, skipped, warning } from '../../../../src/commands/doctor/finding.ts';
import { asJson, asText } from '../../../../src/commands/doctor/report.ts';
import { anyRule, hostWith, LOAD, NO_OSQUERY, WITH_AUDIT } from './healthy_host.ts';

describe('doctor', () => {
  test('checks a condition before the checks that depend on it', () => {
    expect(CHECKS.map(({ id }) => id)).toEqual([
      'file_permissions',
      'native_collector',
      'autoload',
      'socket',
      'registration',
      'capabilities',
      'ebpf',
      'kernel_audit',
      'proc_connector',
      'loss',
      'database',
      'watchdog',
      'clock',
    ]);
  });

  test('prints one line per check when all is well, and ends with status 0', async () => {
    const diagnoses = await diagnose(hostWith());
    expect(diagnoses.map(({ status }) => status)).toEqual(CHECKS.map(() => 'ok'));
    expect(exitCode(diagnoses)).toBe(0);
  });

  test('ends with the status of the worst finding', () => {
    expect(exitCode([ok('a'), skipped('b')])).toBe(0);
    expect(exitCode([ok('a'), warning('b', 'c')])).toBe(1);
    expect(exitCode([problem('a', 'b'), warning('c', 'd'), ok('e')])).toBe(2);
  });

  test('every warning and every problem says what to do', async () => {
    const diagnoses = await diagnose(hostWith({ osquery: NO_OSQUERY, texts: { '/proc/self/loginuid': undefined } }));
    for (const { status, advice } of diagnoses)
      expect(advice !== '').toBe(status === 'warning' || status === 'problem');
  });

  test('a check that fails is a warning, and the next ones are run', async () => {
    const broken = { id: 'x', title: 'X', run: () => Promise.reject(new Error('odd')) };
    const well = { id: 'y', title: 'Y', run: () => [ok('fine')] };
    const [first, second] = await diagnose(hostWith(), [broken, well]);
    expect(first).toMatchObject({ id: 'x', status: 'warning', message: 'check failed: odd' });
    expect(second).toMatchObject({ id: 'y', status: 'ok' });
  });
});

describe('where the native collector cannot be loaded', () => {
  const nativeError = 'the native collector cannot be loaded: no reason';
  const refuse = () => {
    throw new NativeUnavailableError(nativeError);
  };
  const without = hostWith({
    host: { nativeError, ebpf: refuse, audit: refuse, connectorError: refuse, clock: refuse },
    stats: { collector: 'audit+proc_events' },
  });

  test('that is one problem, and what needs it is skipped', async () => {
    const diagnoses = await diagnose(without);
    expect(diagnoses.filter(({ status }) => status !== 'ok').map(({ id, status }) => [id, status])).toEqual([
      ['native_collector', 'problem'],
      ['capabilities', 'skipped'],
      ['ebpf', 'skipped'],
      ['kernel_audit', 'skipped'],
      ['proc_connector', 'skipped'],
      ['loss', 'skipped'],
      ['clock', 'skipped'],
    ]);
    expect(diagnoses.find(({ id }) => id === 'native_collector')?.message).toBe(nativeError);
  });
});

describe('its report', () => {
  const diagnoses: Diagnosis[] = [
    { id: 'a', title: 'first', ...ok('fine') },
    { id: 'b', title: 'the second', ...problem('bad\nname\u001b[31m', 'repair it') },
    { id: 'c', title: 'third', ...skipped('why') },
  ];

  test('is one line per finding and one for what to do; names add no lines and no colours', () => {
    expect(asText(diagnoses, false)).toBe(
      [
        'ok       first       fine',
        'problem  the second  bad?name?[31m',
        '                     to do: repair it',
        'skipped  third       why',
        '1 problem, 0 warnings, 1 skipped',
        '',
      ].join('\n'),
    );
  });

  test('in docs/reference/commands.md is what it says of such a host', async () => {
    const host = hostWith({
      ...WITH_AUDIT,
      texts: { [LOAD]: '' },
      stats: { collector: 'proc_events' },
      audit: { enabled: 0, pid: 0, rules: [anyRule({ silencesAllTasks: true })] },
    });
    const page = readFileSync(new URL('../../../../docs/reference/commands.md', import.meta.url), 'utf8');
    expect(page).toContain(`\`\`\`\n${asText(await diagnose(host), false)}\`\`\``);
  });

  test('has colours on a terminal only', () => {
    expect(asText(diagnoses, false)).not.toContain('\u001b');
    expect(asText(diagnoses, true)).toContain('\u001b[31mproblem\u001b[0m');
  });

  test('is an array of id, status, message and advice for programs', () => {
    expect(JSON.parse(asJson(diagnoses))).toEqual([
      { id: 'a', status: 'ok', message: 'fine', advice: '' },
      { id: 'b', status: 'problem', message: 'bad\nname\u001b[31m', advice: 'repair it' },
      { id: 'c', status: 'skipped', message: 'why', advice: '' },
    ]);
  });
});
