/** The rows of a subscriber over the extension socket, through the SDK's server, with a clock that the test sets. */
import { join } from 'node:path';
import pino from 'pino';
import { beforeEach, expect, test } from 'vitest';
import { ExtensionClient } from '../../../src/osquery/index.ts';
import { encodeCall } from '../../../src/osquery/request.ts';
import { EventStore } from '../../../src/store/event_store.ts';
import { processAncestryEvents } from '../../../tables/process_ancestry_events.ts';
import { afterwards, directory, Peer, until } from '../osquery/sandbox.ts';
import { serve } from '../osquery/serving.ts';
import { published } from './published.ts';

let clockMs: number;
let store: EventStore;
let path: string;
let answered: number;

beforeEach(async () => {
  clockMs = 0;
  answered = 0;
  const settings = { maxRows: 5000, maxBytes: 2 ** 30, expirySeconds: 3600, subscriberExpirySeconds: 100 };
  store = new EventStore(
    { ...settings, directory: join(directory(), 'rows') },
    { log: pino({ enabled: false }), now: () => clockMs },
  );
  afterwards(() => store.close());
  const table = processAncestryEvents({ store, resultMaxBytes: () => 2 ** 26 });
  const counted: typeof table = {
    ...table,
    generate: (context, answer) => {
      answer.onDelivered(() => {
        answered++;
      });
      return table.generate(context, answer);
    },
  };
  ({ path } = await serve([counted]));
});

const request = (name: string, pid?: number) => ({
  action: 'generate',
  context: JSON.stringify({
    constraints: [
      { name: 'subscriber', list: [{ op: 2, expr: name }], affinity: 'TEXT' },
      ...(pid === undefined ? [] : [{ name: 'pid', list: [{ op: 2, expr: String(pid) }], affinity: 'BIGINT' }]),
    ],
    colsUsed: ['pid', 'cmdline'],
  }),
});
const add = (...pids: number[]) => {
  for (const pid of pids) store.add(published({ pid }));
};
/** As osquery does: a connection for each call. */
async function ask(name = 'x', pid?: number): Promise<number[]> {
  const { rows } = await new ExtensionClient(path).call('table', 'process_ancestry_events', request(name, pid));
  return rows.map((row) => Number(row.pid));
}

test.each([400, 1000])(
  'a query every %d ms goes on with new rows, also after two calls at once',
  async (intervalMs) => {
    add(1);
    expect(await ask()).toEqual([1]);
    expect(await ask()).toEqual([1]);
    for (let pid = 2; pid <= 30; pid++) {
      add(pid);
      clockMs += intervalMs;
      expect(await ask()).toEqual([pid]);
    }
  },
);

test('a join that asks row by row gets the same rows, but not for longer than 5 s', async () => {
  add(1, 2);
  expect(await ask()).toEqual([1, 2]);
  add(10);
  for (let n = 0; n < 20; n++) {
    clockMs += 250;
    expect(await ask('x', 1 + (n % 2))).toContain(1 + (n % 2));
  }
  clockMs += 1;
  expect(await ask()).toEqual([10]);
});

test('an answer that is left unread is given again whole, with what is new', async () => {
  // More than a stream reads ahead, less than a socket holds.
  for (let pid = 1; pid <= 100; pid++) store.add(published({ pid, cmdline: 'x'.repeat(1200) }));
  const peer = await Peer.connect(path);
  peer.socket.pause();
  peer.socket.write(encodeCall(0, 'table', 'process_ancestry_events', request('x')));
  // The kernel has all of it: it is the peer that goes away.
  await until(() => answered === 1);
  expect(store.subscribers()).toMatchObject([{ name: 'x', lagRows: 0 }]);
  peer.socket.destroy();
  await until(() => store.subscribers()[0]?.lagRows === 100, 'the news of it');
  add(101);
  expect(await ask()).toEqual(Array.from({ length: 101 }, (_, at) => at + 1));
  clockMs += 301;
  expect(await ask()).toEqual([]);
});

test('an answer that was read whole is not given again when its connection ends', async () => {
  add(1);
  expect(await ask()).toEqual([1]);
  clockMs += 301;
  expect(await ask('other')).toEqual([1]);
  expect(await ask()).toEqual([]);
});
