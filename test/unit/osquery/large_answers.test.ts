import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { text } from '../../../src/osquery/column.ts';
import { ExtensionClient } from '../../../src/osquery/extension_client.ts';
import { REQUEST_LIMITS } from '../../../src/osquery/protocol.ts';
import { encodeCall, encodeRequest } from '../../../src/osquery/request.ts';
import type { TablePlugin } from '../../../src/osquery/table_plugin.ts';
import { memoryMegabytes, resetPeak } from '../../bench/process_cost.ts';
import { turnsUntil } from '../cpu_time.ts';
import { afterwards, directory, Peer, until } from './sandbox.ts';
import { decodeResponse, encodeResponse, GENERATE, large, type Numbered, numbers, serve } from './serving.ts';

const CALL = encodeCall(1, 'table', 'numbers', GENERATE);
const limitOf = (bytes: number) => ({ name: 'result_max', bytes: () => bytes });

/** What the whole reply takes on the wire. */
function wireBytes(table: TablePlugin<Numbered>, count: number): number {
  const rows = Array.from({ length: count }, (_, n) => ({ n }));
  const chunks = encodeResponse(0, { code: 0, message: 'OK', uuid: '20658' }, table, undefined, rows);
  return [...chunks].reduce((sum, { length }) => sum + length, 0);
}

/** A peer that asks and does not read. */
async function asking(path: string): Promise<Peer> {
  const peer = await Peer.connect(path);
  peer.socket.pause();
  peer.socket.write(CALL);
  return peer;
}

describe('a pause', () => {
  test('is no row', async () => {
    const { client } = await serve([
      numbers(function* () {
        yield undefined;
        yield { n: 1 };
        yield undefined;
        yield undefined;
        yield { n: 2 };
        yield undefined;
      }),
    ]);
    expect((await client.call('table', 'numbers', GENERATE)).rows.map(({ n }) => n)).toEqual(['1', '2']);
  });

  test('lets other work run in a search that finds nothing', async () => {
    let ended = false;
    let searching = false;
    const { client, path } = await serve([
      numbers(function* () {
        searching = true;
        try {
          for (;;) yield undefined;
        } finally {
          ended = true;
        }
      }),
    ]);
    const peer = await asking(path);
    await until(() => searching);
    for (let i = 0; i < 5; i++) expect((await client.ping()).code).toBe(0);
    expect(ended).toBe(false);
    peer.socket.destroy();
    await until(() => ended, 'the end of the search');
  });
});

test('values are taken from a row before the next is asked for', async () => {
  const { client } = await serve([
    numbers(function* () {
      const row = { n: 0 };
      for (; row.n < 3; row.n++) yield row;
    }),
  ]);
  expect((await client.call('table', 'numbers', GENERATE)).rows.map(({ n }) => n)).toEqual(['0', '1', '2']);
});

test('a table knows how large its answer has become', async () => {
  const sizes: number[] = [];
  const table = large(5);
  const { client } = await serve([
    {
      ...table,
      *generate(_, answer) {
        for (let n = 0; n < 5; n++) {
          sizes.push(answer.byteCount?.() ?? -1);
          yield { n };
        }
        sizes.push(answer.byteCount?.() ?? -1);
      },
    },
  ]);
  await client.call('table', 'numbers', GENERATE);
  const rows = sizes.map((size) => size - (sizes[0] ?? 0));
  expect(rows).toEqual([0, 1, 2, 3, 4, 5].map((count) => wireBytes(table, count) - wireBytes(table, 0)));
});

describe('an answer is delivered', () => {
  /** Counts deliveries; the rows are those of `table`. */
  function listening(table: TablePlugin<Numbered>) {
    const told = { delivered: 0, asked: 0, unread: 0 };
    const plugin: TablePlugin<Numbered> = {
      ...table,
      generate: (context, answer) => {
        told.asked += 1;
        answer.onDelivered(() => {
          told.delivered += 1;
        });
        answer.onUnread?.(() => {
          told.unread += 1;
        });
        return table.generate(context, answer);
      },
    };
    return { told, plugin };
  }

  test('and unread, when its peer goes away before it has read all of it', async () => {
    // More than a stream reads ahead, less than a socket holds.
    const { told, plugin } = listening(large(120));
    const { path } = await serve([plugin]);
    const peer = await asking(path);
    await until(() => told.delivered === 1);
    expect(told.unread).toBe(0);
    peer.socket.destroy();
    await until(() => told.unread === 1);
  });

  test('and read, when its peer has read all of it before it goes away', async () => {
    const { told, plugin } = listening(large(120));
    const { client, server } = await serve([plugin]);
    await client.call('table', 'numbers', GENERATE);
    await until(() => server.connections === 0);
    expect(told).toEqual({ delivered: 1, asked: 1, unread: 0 });
  });

  test('and read, when it is the answer to a later request that its peer leaves unread', async () => {
    const { told, plugin } = listening(numbers(1));
    const { path, server } = await serve([plugin]);
    let read = 0;
    const socket = connect({
      path,
      onread: {
        buffer: Buffer.alloc(4096),
        // Nothing is read after the first answer.
        callback: (bytes) => {
          read += bytes;
          return read < wireBytes(numbers(1), 1);
        },
      },
    });
    afterwards(() => socket.destroy());
    socket.write(CALL);
    await until(() => read === wireBytes(numbers(1), 1));
    socket.write(encodeRequest('ping', 0));
    await until(() => server.counts.requests === 2);
    socket.destroy();
    await until(() => server.connections === 0);
    expect(told).toEqual({ delivered: 1, asked: 1, unread: 0 });
  });

  test('once, when all of it has been handed over', async () => {
    const { told, plugin } = listening(large(5000));
    const { client } = await serve([plugin]);
    expect((await client.call('table', 'numbers', GENERATE)).rows.length).toBe(5000);
    await until(() => told.delivered > 0);
    expect((await client.ping()).code).toBe(0);
    expect(told.delivered).toBe(1);
  });

  test('when it has no rows, too', async () => {
    const { told, plugin } = listening(numbers(0));
    const { client } = await serve([plugin]);
    await client.call('table', 'numbers', GENERATE);
    await until(() => told.delivered === 1);
  });

  test('not before a slow reader has taken it', async () => {
    const { told, plugin } = listening(large(5000));
    const { path, client, server } = await serve([plugin]);
    const peer = await asking(path);
    await until(() => server.answerBytes > 4_500_000);
    await client.ping();
    expect(told.delivered).toBe(0);
    peer.socket.on('data', () => {
      if (peer.received.length > 3_000_000 && told.delivered === 0) peer.socket.pause();
    });
    peer.socket.resume();
    await until(() => server.answerBytes < 2_500_000, 'the memory of what was read');
    expect(told.delivered).toBe(0);
    peer.socket.removeAllListeners('data');
    peer.socket.resume();
    await until(() => told.delivered === 1);
  });

  test('not when the peer leaves in the middle of it', async () => {
    const { told, plugin } = listening(large(5000));
    const { path, server } = await serve([plugin]);
    const peer = await Peer.connect(path);
    peer.socket.once('data', () => peer.socket.destroy());
    peer.socket.write(CALL);
    await peer.isClosed();
    await until(() => server.connections === 0 && server.answerBytes === 0);
    expect(told).toEqual({ asked: 1, delivered: 0, unread: 0 });
  });

  test('not when the peer leaves while it is made', async () => {
    let made = 0;
    const endless = numbers(function* () {
      for (;;) {
        made += 1;
        yield made > 1000 ? undefined : { n: made };
      }
    });
    const { told, plugin } = listening(endless);
    const { path, server } = await serve([plugin]);
    const peer = await asking(path);
    await until(() => made > 1000);
    peer.socket.destroy();
    await until(() => server.connections === 0 && server.answerBytes === 0);
    expect(told.delivered).toBe(0);
  });

  test('not when the peer has just left, and this is not known yet', async () => {
    let peer: Peer | undefined;
    const { told, plugin } = listening(
      numbers(() => {
        peer?.socket.destroy();
        return [{ n: 1 }];
      }),
    );
    const { path, server } = await serve([plugin]);
    peer = await Peer.connect(path);
    peer.socket.write(CALL);
    await until(() => told.asked === 1 && server.connections === 0);
    expect(told.delivered).toBe(0);
  });

  test.each<[string, TablePlugin<Numbered>]>([
    ['refused', large(500)],
    [
      'failed',
      numbers(function* () {
        yield { n: 1 };
        throw new Error('half way');
      }),
    ],
  ])('not when it was %s', async (_name, table) => {
    const { told, plugin } = listening(table);
    const { client } = await serve([plugin], {}, limitOf(100_000));
    expect((await client.call('table', 'numbers', GENERATE)).status.code).toBe(1);
    await client.ping();
    expect(told).toEqual({ asked: 1, delivered: 0, unread: 0 });
  });
});

describe('an answer that is larger than it may be', () => {
  const refusal = async (table: TablePlugin<Numbered>, bytes: number) => {
    const { client, server } = await serve([table], {}, limitOf(bytes));
    const { status, rows } = await client.call('table', 'numbers', GENERATE);
    await until(() => server.answerBytes === 0);
    expect(rows).toEqual(status.code === 0 ? expect.anything() : []);
    return status.code === 0 ? 'OK' : status.message;
  };

  test('fails with the rows and bytes that it would have had', async () => {
    expect(wireBytes(large(1), 52_130)).toBe(53_839_240);
    expect(await refusal(large(52_130), 10_500_000)).toBe(
      'numbers: the answer would be 52,130 rows and 53.8 MB, more than result_max allows (10.5 MB): add constraints, or ask for fewer columns',
    );
  });

  test('and with the advice that its table gives', async () => {
    expect(await refusal({ ...large(50), adviceWhenTooLarge: 'use time > 0' }, 9999)).toMatch(
      /\(10\.0 kB\): use time > 0$/,
    );
  });

  test('is refused from the first byte that is too much', async () => {
    const table = large(700);
    const bytes = wireBytes(table, 700);
    expect(await refusal(table, bytes)).toBe('OK');
    const [all, allowed] = [bytes, bytes - 1].map((n) => n.toLocaleString('en-US'));
    expect(await refusal(table, bytes - 1)).toContain(
      `700 rows and ${all} bytes, more than result_max allows (${allowed} bytes)`,
    );
  });

  test('passes as a single row', async () => {
    const row: TablePlugin<Numbered> = { ...numbers(1), columns: [text('t', '', () => 'x'.repeat(3_000_000))] };
    const { client } = await serve([row], {}, limitOf(1000));
    expect((await client.call('table', 'numbers', GENERATE)).rows).toEqual([{ rowid: '0', t: 'x'.repeat(3_000_000) }]);
    expect(await refusal({ ...row, ...{ generate: numbers(2).generate } }, 1000)).toContain('2 rows and 6.0 MB');
  });

  test('is measured by the limit of that moment', async () => {
    let bytes = 1000;
    const { client } = await serve([large(50)], {}, { name: 'result_max', bytes: () => bytes });
    expect((await client.call('table', 'numbers', GENERATE)).status.code).toBe(1);
    bytes = 100_000;
    expect((await client.call('table', 'numbers', GENERATE)).status.code).toBe(0);
  });

  test('takes no memory while its rows are counted', async () => {
    let most = 0;
    let growth = 0;
    const { client, server } = await serve(
      [
        {
          ...large(0),
          *generate() {
            const before = process.memoryUsage().arrayBuffers;
            for (let n = 0; n < 20_000; n++) {
              most = Math.max(most, server.answerBytes);
              yield { n };
            }
            growth = process.memoryUsage().arrayBuffers - before;
          },
        },
      ],
      {},
      limitOf(1_000_000),
    );
    expect((await client.call('table', 'numbers', GENERATE)).status.message).toContain('20,000 rows and 20.6 MB');
    expect(most).toBeGreaterThan(990_000);
    expect(most).toBeLessThanOrEqual(1_000_000);
    expect(growth).toBeLessThan(5_000_000);
  });
});

describe('all answers together', () => {
  const MAX = limitOf(2_000_000);

  test('stay within a bound, and the first beyond it fails with an error', async () => {
    const { path, client, server } = await serve([large(1900)], {}, MAX);
    const stalled = await Promise.all(Array.from({ length: 4 }, () => asking(path)));
    await until(() => server.answerBytes > 7_000_000);
    const { status } = await client.call('table', 'numbers', GENERATE);
    expect(status.code).toBe(1);
    expect(status.message).toMatch(/^numbers: busy: other answers hold 7\.\d MB: try again$/);
    expect(server.answerBytes).toBeLessThanOrEqual(8_000_000);
    for (const { socket } of stalled) socket.resume();
    await until(() => server.answerBytes === 0);
    expect((await client.call('table', 'numbers', GENERATE)).rows.length).toBe(1900);
  });

  test('leave room for a small one, also when a reader has stopped', async () => {
    let rows = 1900;
    let max = 2_000_000;
    const { path, client, server } = await serve(
      [{ ...large(0), generate: () => Array.from({ length: rows }, (_, n) => ({ n })) }],
      { largestAnswers: 1 },
      { name: 'result_max', bytes: () => max },
    );
    await asking(path);
    await until(() => server.answerBytes > 1_500_000);
    max = 1_500_000;
    rows = 100;
    expect((await client.call('table', 'numbers', GENERATE)).rows.length).toBe(100);
    rows = 500;
    expect((await client.call('table', 'numbers', GENERATE)).status.message).toContain('busy');
  });

  test('give every byte back when their connections close, at any stage', async () => {
    let hanging = 0;
    const mixed: TablePlugin<Numbered> = {
      ...large(0),
      generate: () => {
        const kind = hanging++ % 4;
        // Being read, being made, being counted, not begun.
        if (kind === 0)
          return large(500).generate({ constraints: new Map(), columnsUsed: undefined }, { onDelivered() {} });
        if (kind === 3) return new Promise(() => {});
        return (function* () {
          for (let n = 0; n < (kind === 1 ? 100 : 3000); n++) yield { n };
          for (;;) yield undefined;
        })();
      },
    };
    const { path, server } = await serve([mixed], { largestAnswers: 100 }, MAX);
    const peers = await Promise.all(Array.from({ length: 200 }, () => asking(path)));
    await until(() => hanging === 200 && server.answerBytes > 50 * 300_000);
    for (const [i, { socket }] of peers.entries()) if (i % 2) socket.destroy();
    await until(() => server.connections === 100);
    await server.close();
    await until(() => server.answerBytes === 0, 'the last byte');
  });
});

test('pings are answered while a large answer is written to slow readers', async () => {
  const { path, client, server } = await serve([large(30_000)]);
  const peers = await Promise.all(Array.from({ length: 3 }, () => asking(path)));
  let taken = 0;
  for (const { socket } of peers) {
    socket.removeAllListeners('data');
    socket.on('data', ({ length }: Buffer) => {
      taken += length;
      socket.pause();
      setImmediate(() => socket.resume());
    });
    // A listener lets it flow.
    socket.pause();
  }
  const total = 3 * wireBytes(large(1), 30_000);
  await until(() => server.answerBytes > total * 0.98, 'the answers');
  for (const { socket } of peers) socket.resume();
  let pings = 0;
  const [{ longestMs, totalMs }] = await Promise.all([
    turnsUntil(() => taken >= total),
    (async () => {
      while (taken < total) {
        await client.ping();
        pings++;
      }
    })(),
  ]);
  expect(taken).toBe(total);
  expect(pings).toBeGreaterThan(5);
  expect(longestMs).toBeLessThan(totalMs / 3);
  await until(() => server.answerBytes === 0);
});

test('rows that have much in common arrive whole at slow readers, and every byte is given back', async () => {
  const count = 5000;
  const table: TablePlugin<Numbered> = {
    ...numbers(count),
    columns: [
      text('same', '', () => 'x'.repeat(2000)),
      text('slow', '', ({ n }: Numbered) => `${n >> 6}`.padEnd(200, 'y')),
      text('own', '', ({ n }: Numbered) => `text ${n}`),
    ],
  };
  const length = wireBytes(table, count);
  const { path, server } = await serve([table]);
  /** Reads so many bytes, a little at a time. */
  const readSlowly = async (most: number) => {
    const socket = connect(path);
    socket.write(CALL);
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of socket) {
      chunks.push(chunk as Buffer);
      bytes += (chunk as Buffer).length;
      if (bytes >= most) break;
      await new Promise(setImmediate);
    }
    return Buffer.concat(chunks);
  };
  const [one, other] = await Promise.all([readSlowly(length), readSlowly(length), readSlowly(length / 2)]);
  const rows = Array.from({ length: count }, (_, n) => ({
    ...{ rowid: String(n), same: 'x'.repeat(2000) },
    ...{ slow: `${n >> 6}`.padEnd(200, 'y'), own: `text ${n}` },
  }));
  for (const reply of [one, other]) {
    expect(reply?.length).toBe(length);
    expect(decodeResponse(reply ?? Buffer.alloc(0), 1, REQUEST_LIMITS).rows).toEqual(rows);
  }
  await until(() => server.answerBytes === 0 && server.connections === 0);
});

test('10,000 full rows take no more than twice their size in memory', async () => {
  const path = join(directory(), 'o.1');
  const program = fileURLToPath(new URL('answering_process.ts', import.meta.url));
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', program, path], { stdio: 'inherit' });
  afterwards(() => child.kill());
  const client = new ExtensionClient(path);
  await until(
    () =>
      client.ping().then(
        () => true,
        () => false,
      ),
    'the process',
  );
  const pid = child.pid ?? 0;
  const request = encodeCall(1, 'table', 'executions', GENERATE);
  const read = async () => {
    const peer = await Peer.connect(path);
    let bytes = 0;
    let tail = Buffer.alloc(0);
    peer.socket.removeAllListeners('data');
    peer.socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      tail = Buffer.concat([tail, chunk]).subarray(-2);
    });
    peer.socket.write(request);
    await until(() => bytes > 35_000_000 && tail.equals(Buffer.alloc(2)), 'the answer');
    peer.socket.destroy();
    return bytes;
  };
  for (let i = 0; i < 5; i++) {
    resetPeak(pid);
    const memory = memoryMegabytes(pid).now;
    const bytes = await read();
    // The first finds nothing to use again.
    expect(memoryMegabytes(pid).peak - memory).toBeLessThan((2 * bytes) / 2 ** 20);
  }
});
