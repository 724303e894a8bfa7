/** Flags are known when osquery has applied its configuration, not earlier (R15). */
import pino from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Configuration, KNOWN_WITHIN_MS } from '../../../src/extension/configuration.ts';
import { type Kept, NOTHING_KEPT } from '../../../src/extension/kept_flags.ts';
import type { OptionInfo, Response } from '../../../src/osquery/index.ts';

const REDACT = 'custom_process_ancestry_redact';

/** An osquery that a test controls. */
class FakeOsquery {
  options = new Map<string, string>([['config_plugin', 'tls']]);
  isConfigValid = false;
  pid = 42;
  answers = true;

  readonly asked = {
    options: async (): Promise<ReadonlyMap<string, OptionInfo>> => {
      if (!this.answers) throw new Error('no answer');
      return new Map(
        [...this.options].map(([name, value]) => [name, { value, defaultValue: '', type: 'string' }] as const),
      );
    },
    query: async (sql: string): Promise<Response> => {
      if (!this.answers) throw new Error('no answer');
      const info = { pid: String(this.pid), start_time: '1', config_valid: this.isConfigValid ? '1' : '0' };
      const rows = sql.includes('osquery_info') ? [info] : [];
      return { status: { code: 0, message: 'OK', uuid: '0' }, rows };
    },
  };
}

let osquery: FakeOsquery;
let written: Kept[];
let inForce: Record<string, string>;
let workers: string[];
let configuration: Configuration;
let isKnown: boolean;

function start(kept: Kept = NOTHING_KEPT): void {
  isKnown = false;
  written = [];
  workers = [];
  inForce = { ...kept.options };
  configuration = new Configuration({
    osquery: osquery.asked,
    kept,
    keep: { write: (flags) => void written.push(flags) },
    log: pino({ enabled: false }),
    onFlags: ({ options }) => {
      inForce = Object.fromEntries(options);
    },
    onWorker: (worker) => void workers.push(worker),
    now: () => Date.now(),
  });
  void configuration.known.then(() => {
    isKnown = true;
  });
}

beforeEach(() => {
  vi.useFakeTimers();
  osquery = new FakeOsquery();
});
afterEach(() => {
  configuration.stop();
  vi.useRealTimers();
});

test('a configuration that takes ten seconds is waited for', async () => {
  start();
  void configuration.registered();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(isKnown).toBe(false);
  osquery.options.set(REDACT, 'secret');
  osquery.isConfigValid = true;
  await vi.advanceTimersByTimeAsync(2000);
  expect(isKnown).toBe(true);
  expect(inForce).toEqual({ [REDACT]: 'secret' });
  expect(written.at(-1)).toMatchObject({ options: { [REDACT]: 'secret' } });
});

test('after half a minute the kept flags are in force, and osquery’s once it gives them', async () => {
  start({ ...NOTHING_KEPT, options: { [REDACT]: 'secret' }, database: '/opt/orbit/osquery.db' });
  osquery.answers = false;
  void configuration.registered();
  await vi.advanceTimersByTimeAsync(KNOWN_WITHIN_MS - 1);
  expect(isKnown).toBe(false);
  await vi.advanceTimersByTimeAsync(1);
  expect(isKnown).toBe(true);
  expect(inForce).toEqual({ [REDACT]: 'secret' });
  expect(configuration.database).toBe('/opt/orbit/osquery.db');
  osquery.answers = true;
  osquery.isConfigValid = true;
  osquery.options.set(REDACT, 'password');
  await configuration.look();
  expect(inForce).toEqual({ [REDACT]: 'password' });
});

test('an osquery without a configuration is not waited for', async () => {
  start();
  osquery.options = new Map([
    ['config_plugin', 'filesystem'],
    ['config_path', '/nowhere/osquery.conf'],
  ]);
  await configuration.registered();
  await configuration.known;
  expect(isKnown).toBe(true);
});

test('a worker that was killed and has not read its configuration again changes nothing', async () => {
  start({ ...NOTHING_KEPT, options: { [REDACT]: 'secret' } });
  osquery.isConfigValid = true;
  osquery.options.set(REDACT, 'secret');
  await configuration.registered();
  expect(isKnown).toBe(true);
  osquery.pid = 43;
  osquery.isConfigValid = false;
  osquery.options.delete(REDACT);
  for (let n = 0; n < 20; n++) {
    await configuration.registered();
    await vi.advanceTimersByTimeAsync(3000);
    expect(inForce).toEqual({ [REDACT]: 'secret' });
  }
  expect(written.every(({ options }) => options[REDACT] === 'secret')).toBe(true);
  osquery.isConfigValid = true;
  // It is valid just before the options are applied.
  await configuration.look();
  expect(inForce).toEqual({ [REDACT]: 'secret' });
  osquery.options.set(REDACT, 'secret');
  await vi.advanceTimersByTimeAsync(3000);
  expect(inForce).toEqual({ [REDACT]: 'secret' });
});

test('an option that is taken out of the configuration is gone within a few seconds', async () => {
  start({ ...NOTHING_KEPT, options: { [REDACT]: 'secret' } });
  osquery.isConfigValid = true;
  osquery.options.set(REDACT, 'secret');
  await configuration.registered();
  // osquery keeps such an option, with an empty value.
  osquery.options.set(REDACT, '');
  await configuration.look();
  expect(inForce).toEqual({ [REDACT]: 'secret' });
  await vi.advanceTimersByTimeAsync(1500);
  expect(inForce).toEqual({});
  expect(written.at(-1)).toMatchObject({ options: {} });
});

test('another process of osquery is reported once, and again at a registration', async () => {
  start();
  await configuration.registered();
  await configuration.look();
  expect(workers).toEqual(['42:1']);
  await configuration.registered();
  osquery.pid = 43;
  await configuration.look();
  expect(workers).toEqual(['42:1', '42:1', '43:1']);
});

test('a worker whose first answer fails is asked again at once', async () => {
  start();
  osquery.isConfigValid = true;
  await configuration.registered();
  await vi.advanceTimersByTimeAsync(3000);
  expect(isKnown).toBe(true);
  osquery.pid = 43;
  osquery.answers = false;
  await configuration.registered();
  osquery.answers = true;
  await vi.advanceTimersByTimeAsync(500);
  expect(workers).toEqual(['42:1', '43:1']);
});
