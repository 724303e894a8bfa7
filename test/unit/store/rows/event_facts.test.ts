/** A line of an event has its facts within its bounds, for any texts. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isEnvironmentCut } from '../../../../src/process/exec_traits.ts';
import {
  DamagedRowError,
  FACT,
  type FactName,
  factsOf,
  lineOf,
  type SharedIds,
} from '../../../../src/store/rows/event_facts.ts';
import { published } from '../../tables/published.ts';

const NO_IDS: SharedIds = {
  ...{ creator: null, groupLeader: null, sessionLeader: null, entryLeader: null },
  ...{ credentials: null, credentialsBefore: null, previous: null, host: null, container: null },
};
const BYTES_MAX = 1 << 20;

/** Any text of arguments and paths, as JavaScript strings. */
const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({
    unit: fc.constantFrom('\0', '"', '\\', '\n', '\r', '\u2028', '\ud800', '\udc00', '🌲', 'é', ' ', '\u0001'),
  }),
);
const texts = fc.record({ args: text, path: text, cwd: text, root: text, tty: text });
const id = fc.option(fc.integer({ min: 1 }), { nil: null });
const ids: fc.Arbitrary<SharedIds> = fc.record({
  ...{ creator: id, groupLeader: id, sessionLeader: id, entryLeader: id },
  ...{ credentials: id, credentialsBefore: id, previous: id, host: id, container: id },
});

const eventWith = (details: object) => {
  const event = published();
  return { ...event, details: { ...(event.details ?? {}), ...details } } as typeof event;
};
const reading = (line: string) => {
  const facts = factsOf(line);
  return (name: FactName) => facts[FACT[name]];
};

describe('a line', () => {
  test('is read back with the same facts, and is one line', () => {
    fc.assert(
      fc.property(texts, ids, fc.integer({ min: 1, max: 1e15 }), text, (details, shared, eid, cgroup) => {
        const event = { ...eventWith(details), cgroup };
        const { text: line, bytes, isCut } = lineOf(eid, event, shared, BYTES_MAX);
        const read = reading(line);
        expect(line).not.toContain('\n');
        expect(bytes).toBe(Buffer.byteLength(line));
        // As SQLite has it, in UTF-8.
        expect(Buffer.from(line).toString()).toBe(line);
        expect(isCut).toBe(false);
        for (const name of ['args', 'path', 'cwd', 'root', 'tty'] as const) expect(read(name)).toBe(details[name]);
        for (const [name, value] of Object.entries(shared)) expect(read(name as FactName)).toBe(value);
        expect([read('eid'), read('cgroup'), read('pid'), read('parent'), read('entityId')]).toEqual([
          ...[eid, cgroup, event.process.pid, event.ppid, event.entityId],
        ]);
        expect([read('argsCut'), read('argsBytes'), read('known')]).toEqual([0, event.details?.argsBytes, 1]);
      }),
      { numRuns: 500 },
    );
  });

  test('that is cut stays within its bytes, is marked, and has the beginning of the arguments', () => {
    // What a line has beside its arguments.
    const least = lineOf(1, eventWith({ args: '' }), NO_IDS, BYTES_MAX).bytes + 100;
    const long = fc.tuple(text, fc.integer({ min: 1, max: 200 })).map(([one, times]) => `x${one}`.repeat(times));
    fc.assert(
      fc.property(long, fc.integer({ min: least, max: 5 * least }), (args, maxBytes) => {
        const whole = lineOf(1, eventWith({ args, argsBytes: 0 }), NO_IDS, BYTES_MAX);
        const { text: line, bytes, isCut } = lineOf(1, eventWith({ args, argsBytes: 0 }), NO_IDS, maxBytes);
        const read = reading(line);
        expect(bytes).toBe(Buffer.byteLength(line));
        expect(bytes).toBeLessThanOrEqual(maxBytes);
        expect(isCut).toBe(whole.bytes > maxBytes);
        expect(read('argsCut')).toBe(isCut ? 1 : 0);
        expect(args.startsWith(String(read('args')))).toBe(true);
        expect(read('argsBytes')).toBe(isCut ? Buffer.byteLength(args) : 0);
      }),
      { numRuns: 300 },
    );
  });

  test('without arguments is kept as it is, although it is too large', () => {
    expect(lineOf(1, eventWith({ args: '', cwd: 'x'.repeat(1000) }), NO_IDS, 100)).toMatchObject({ isCut: false });
    const { isCut, text: line } = lineOf(1, eventWith({ args: 'abc' }), NO_IDS, 1);
    expect([isCut, reading(line)('args')]).toEqual([true, '']);
  });

  test('has each fact in a place of its own', () => {
    const places = Object.values(FACT);
    expect(places.toSorted((a, b) => a - b)).toEqual(Array.from(places, (_, n) => (n < 54 ? n : n + 1)));
  });

  test('has null for unknown facts, and leaves out those that only an exec has', () => {
    const event = published();
    const other = { ...event, details: undefined, action: 'fork' as const, actions: ['fork' as const] };
    const read = reading(lineOf(1, other, NO_IDS, BYTES_MAX).text);
    expect([read('known'), read('uid'), read('endMs'), read('exitStatus'), read('syscall')]).toEqual([
      0,
      null,
      null,
      null,
      '',
    ]);
    // A recorded log has no boot time.
    expect(reading(lineOf(1, { ...event, bootMs: event.unixMs }, NO_IDS, BYTES_MAX).text)('bootMs')).toBeNull();
  });

  test('of an older version is read with the newer facts unknown', () => {
    const newest = JSON.parse(lineOf(1, published(), { ...NO_IDS, container: 9 }, BYTES_MAX).text) as unknown[];
    expect(reading(JSON.stringify(newest))('container')).toBe(9);
    expect(reading(JSON.stringify(newest.slice(0, FACT.parentCmdline)))('container')).toBeUndefined();
  });

  test('has its action, or several after a merge', () => {
    const merged = { ...published(), actions: ['fork', 'exec'] as const };
    expect(reading(lineOf(1, merged, NO_IDS, BYTES_MAX).text)('action')).toBe('fork,exec');
  });

  test.each(['', '{"eid":1}', '[1,2', 'null', '7'])('that is %j is a damaged row', (line) => {
    expect(() => factsOf(line)).toThrow(DamagedRowError);
  });
});

test('a line that is too long has no environment, and says so', () => {
  const environment = `LD_PRELOAD=${'\u0001'.repeat(1000)}`;
  const details = { args: '', environment, envCount: 3, envBytes: 2000 };
  const whole = reading(lineOf(1, eventWith(details), NO_IDS, BYTES_MAX).text);
  expect([whole('env'), whole('envCount'), whole('envBytes')]).toEqual([environment, 3, 2000]);
  expect(isEnvironmentCut(whole('traits') as number)).toBe(false);
  const { text: line, isCut, bytes } = lineOf(1, eventWith(details), NO_IDS, 4000);
  const cut = reading(line);
  expect([cut('env'), cut('envCount'), cut('argsCut'), isCut]).toEqual(['', 3, 0, true]);
  expect(isEnvironmentCut(cut('traits') as number)).toBe(true);
  expect(bytes).toBeLessThan(4000);
});

test('a row of a version without these facts has none of them', () => {
  const { text: line } = lineOf(1, eventWith({}), NO_IDS, BYTES_MAX);
  const older = reading(JSON.stringify((JSON.parse(line) as unknown[]).slice(0, FACT.traits)));
  for (const name of ['traits', 'env', 'envCount', 'envBytes', 'credentialsBefore'] as const)
    expect(older(name)).toBeUndefined();
});
