/** The accepted answers of osquery: a worker answers before it has read its configuration (R15). */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type GivenFlags,
  NO_FLAGS,
  type OsqueryAnswer,
  OsqueryFlags,
  REPEATED_AFTER_MS,
} from '../../../src/extension/osquery_flags.ts';

const REDACT = 'custom_process_ancestry_redact';
const DEPTH = 'custom_process_ancestry_max_depth';

const given = (options: Record<string, string> = {}, queried: Record<string, string> = {}): GivenFlags => ({
  options: new Map(Object.entries(options)),
  queried: new Map(Object.entries(queried)),
});
const answer = (flags: GivenFlags, more: Partial<OsqueryAnswer> = {}): OsqueryAnswer => ({
  ...flags,
  isQueriedWhole: true,
  worker: '42:1000',
  hasConfiguration: true,
  isConfigValid: true,
  ...more,
});
/** A worker that listens before it has read its configuration, from a file or a server. */
const early = (more: Partial<OsqueryAnswer> = {}) => answer(NO_FLAGS, { isConfigValid: false, ...more });
const inForce = ({ options, queried }: GivenFlags) => Object.fromEntries([...options, ...queried]);

describe('at the first start', () => {
  test('no answer is believed before the configuration is valid, also a repeated one', () => {
    const flags = new OsqueryFlags();
    for (let nowMs = 0; nowMs <= 60_000; nowMs += 250) expect(flags.take(early(), nowMs).isBelieved).toBe(false);
  });

  test('a configuration that has just become valid may have to be applied still', () => {
    const flags = new OsqueryFlags();
    expect(flags.take(answer(NO_FLAGS), 0).isBelieved).toBe(false);
    const applied = answer(given({ [REDACT]: 'secret' }));
    expect(flags.take(applied, 250)).toMatchObject({ isBelieved: false, options: new Map([[REDACT, 'secret']]) });
    expect(flags.take(applied, 250 + REPEATED_AFTER_MS - 1).isBelieved).toBe(false);
    expect(flags.take(applied, 250 + REPEATED_AFTER_MS).isBelieved).toBe(true);
  });

  test('an osquery without a configuration is believed at once', () => {
    const flags = new OsqueryFlags();
    expect(flags.take(early({ hasConfiguration: false }), 0).isBelieved).toBe(true);
  });

  test('the values of a backup of the configuration are in force although it is never valid', () => {
    const flags = new OsqueryFlags();
    const backup = answer(given({ [REDACT]: 'secret' }), { isConfigValid: false });
    expect(inForce(flags.take(backup, 0))).toEqual({ [REDACT]: 'secret' });
  });
});

describe('after an earlier process was given flags', () => {
  const kept = given({ [REDACT]: 'secret', [DEPTH]: '5' });

  test('an answer with all of them is believed at once', () => {
    expect(new OsqueryFlags(kept).take(answer(kept), 0).isBelieved).toBe(true);
    const backup = answer(kept, { isConfigValid: false });
    expect(new OsqueryFlags(kept).take(backup, 0).isBelieved).toBe(true);
  });

  test('an answer without one of them changes nothing, and adds what it has', () => {
    const flags = new OsqueryFlags(kept);
    const added = answer(given({ [DEPTH]: '7', custom_process_ancestry_hash: 'true' }));
    expect(inForce(flags.take(added, 0))).toEqual({
      [REDACT]: 'secret',
      [DEPTH]: '5',
      custom_process_ancestry_hash: 'true',
    });
  });

  test('a flag that is really removed is gone after osquery has answered without it for a while', () => {
    const flags = new OsqueryFlags(kept);
    const removed = answer(given({ [DEPTH]: '5' }));
    expect(flags.take(removed, 0).isBelieved).toBe(false);
    expect(flags.take(removed, REPEATED_AFTER_MS)).toMatchObject({
      isBelieved: true,
      options: new Map([[DEPTH, '5']]),
    });
  });

  test('a view that osquery does not list now does not count as present', () => {
    const flags = new OsqueryFlags(given({}, { process_ancestry_redact: 'secret' }));
    // queried_flags.ts remembers it.
    const remembered = given({}, { process_ancestry_redact: 'secret' });
    const unnamed = answer(remembered, { isQueriedWhole: false, isConfigValid: false });
    expect(flags.take(unnamed, 0).isBelieved).toBe(false);
    expect(flags.take(answer(remembered), 250).isBelieved).toBe(true);
  });
});

test('a worker that restarts changes nothing, also when its configuration takes long', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ passMs: fc.integer({ min: 1, max: 5000 }), isValid: fc.boolean() }), { maxLength: 30 }),
      (looks) => {
        const kept = given({ [REDACT]: 'secret' });
        const flags = new OsqueryFlags(kept);
        let nowMs = 0;
        for (const [at, { passMs, isValid }] of looks.entries()) {
          // Another worker each time, without values yet: valid or not, no answer stays the same for long.
          const { options } = flags.take(early({ worker: `${at}:0`, isConfigValid: isValid }), nowMs);
          expect(options.get(REDACT)).toBe('secret');
          nowMs += passMs;
        }
        expect(flags.take(answer(kept, { worker: 'last' }), nowMs).isBelieved).toBe(true);
      },
    ),
  );
});
