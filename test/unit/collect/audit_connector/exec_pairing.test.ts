/** Pairs audit's records with the execs of the connector. */
import { describe, expect, test } from 'vitest';
import { type AnnouncedExec, ExecPairing } from '../../../../src/collect/audit_connector/exec_pairing.ts';
import type { Pid } from '../../../../src/collect/event.ts';
import type { ExecEvent } from '../../../../src/collect/events.ts';
import { detailsOf } from '../../process/kernel_model.ts';

const details = detailsOf('late', 1);
const record: ExecEvent = { kind: 'exec', origin: 'audit', pid: 10 as Pid, bootMs: 10, unixMs: 1010, details };

function givenUp(heardMs: number): AnnouncedExec {
  const event = { ...record, origin: 'proc_events', details: undefined } as const;
  return { event, heardMs, isGivenUp: true };
}

describe('an exec that was given up', () => {
  test('gets its details from a late record', () => {
    const pairing = new ExecPairing();
    const exec = givenUp(100);
    pairing.announce(exec);
    pairing.forgetGivenUp(99);
    expect(pairing.record(record, details, 200)).toBe(exec);
  });

  test('is forgotten in the end: a later record is of a later exec', () => {
    const pairing = new ExecPairing();
    pairing.announce(givenUp(100));
    pairing.forgetGivenUp(100);
    expect(pairing.record(record, details, 200)).toBeUndefined();
    expect(pairing.takeUnannounced(200)).toMatchObject([{ details }]);
  });
});
