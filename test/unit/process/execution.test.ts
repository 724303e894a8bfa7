/** Which of audit's records belongs to which exec that the connector told of. */
import { describe, expect, test } from 'vitest';
import type { ExecEvent, Pid } from '../../../src/collect/event.ts';
import { ExecPairing, Execution } from '../../../src/process/execution.ts';
import { Image } from '../../../src/process/image.ts';
import { Process } from '../../../src/process/process.ts';
import { detailsOf } from './kernel_model.ts';

const PID = 10 as Pid;
const details = detailsOf('late', 1);

function published(heardMs: number): Execution {
  const process = new Process({
    ...{ pid: PID, met: 'event', startTicks: 1, startSlackTicks: [0, 0], bootUnixHundredths: 0, twin: 0, ppid: 1 },
    image: Image.unknown(),
  });
  const execution = new Execution('exec', process, { bootMs: 10, unixMs: 1010, heardMs });
  execution.closed = true;
  return execution;
}

const record: ExecEvent = { kind: 'exec', origin: 'audit', pid: PID, bootMs: 10, unixMs: 1010, details };

describe('an exec that was published without details', () => {
  test('is told by a record that comes late', () => {
    const pairing = new ExecPairing();
    const execution = published(100);
    pairing.addExecution(execution);
    pairing.forgetClosed(99);
    expect(pairing.addDetails(record, details, 200)).toEqual({ execution, late: true });
  });

  test('is forgotten in the end: a record of then is of an exec that is still to come', () => {
    const pairing = new ExecPairing();
    pairing.addExecution(published(100));
    pairing.forgetClosed(100);
    expect(pairing.addDetails(record, details, 200)).toBeUndefined();
    expect(pairing.takeUnclaimed(200)).toMatchObject([{ details }]);
  });
});
