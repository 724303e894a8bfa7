import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { bigint, text } from '../../../src/osquery/column.ts';
import { EventLoopShare } from '../../../src/osquery/event_loop_share.ts';
import { ExtensionClient } from '../../../src/osquery/extension_client.ts';
import { ExtensionError } from '../../../src/osquery/extension_error.ts';
import { ExtensionServer } from '../../../src/osquery/extension_server.ts';
import { MessageBuffer } from '../../../src/osquery/message_buffer.ts';
import { REQUEST_LIMITS } from '../../../src/osquery/protocol.ts';
import { encodeUnknownMethod } from '../../../src/osquery/reply_encoder.ts';
import { decodeRequest, encodeCall, encodeRequest } from '../../../src/osquery/request.ts';
import type { TablePlugin } from '../../../src/osquery/table_plugin.ts';
import { cpuMs, turnsUntil } from '../cpu_time.ts';
import { EXCHANGES, QUERIES, QUERIES_WITHOUT_DEFAULT_INDEX, recordedTables } from './recording.ts';
import { afterwards, directory, Peer, recorder, until } from './sandbox.ts';
import {
  decodeResponse,
  encodeRecords,
  encodeResponse,
  GENERATE,
  large,
  type Numbered,
  numbers,
  serve,
} from './serving.ts';

const PING = encodeRequest('ping', 0);
const PONG_BYTES = 48;

/** Keeps the event loop for that many milliseconds of CPU time. */
function workFor(ms: number): number {
  const end = cpuMs() + ms;
  while (cpuMs() < end);
  return 0;
}

describe('the recorded session', () => {
  // The stub's answer for any requested columns.
  const stub = new Map(
    EXCHANGES.flatMap(({ request, reply }) => {
      const decoded = decodeRequest(request);
      return decoded.method === 'call' ? [[decoded.item, decodeResponse(reply, 0, REQUEST_LIMITS).rows]] : [];
    }),
  );
  const tables = () => recordedTables((table) => stub.get(table) ?? []);
  /** The stub gave its rows no ids; ours are numbered from 1 as they are first asked for. */
  const withRowids = (reply: Buffer): Buffer => {
    const { rows } = decodeResponse(reply, 0, REQUEST_LIMITS);
    const numbered = rows.map((row, index) => ({ rowid: String(index + 1), ...row }));
    return encodeRecords(0, { code: 0, message: 'OK', uuid: '20658' }, numbered);
  };

  test('every request of it gets the recorded reply, byte for byte, but for the ids of rows', async () => {
    const { path, shutdowns } = await serve(tables());
    for (const { request, reply } of EXCHANGES) {
      const decoded = decodeRequest(request);
      let bytes = request;
      if (decoded.method === 'call') {
        // The stub gave all columns; the SDK gives only the used ones.
        const context = JSON.parse(decoded.request.get('context') ?? '');
        bytes = encodeCall(0, decoded.registry, decoded.item, {
          action: 'generate',
          context: JSON.stringify({ constraints: context.constraints }),
        });
      }
      const peer = await Peer.connect(path);
      peer.socket.write(bytes);
      const expected = decoded.method === 'call' ? withRowids(reply) : reply;
      const received = await peer.receives(expected.length);
      expect(received.equals(expected)).toBe(true);
    }
    expect(shutdowns()).toBe(1);
  });

  test('of the columns, only those that the query uses are sent', async () => {
    const { path } = await serve(tables());
    for (const { request } of EXCHANGES) {
      const decoded = decodeRequest(request);
      if (decoded.method !== 'call') continue;
      const used: string[] = JSON.parse(decoded.request.get('context') ?? '').colsUsed;
      const table = tables().find(({ name }) => name === decoded.item);
      if (!table) throw new Error(`no table ${decoded.item}`);
      const expected = Buffer.concat([
        ...encodeResponse(
          0,
          { code: 0, message: 'OK', uuid: '20658' },
          table,
          new Set(used),
          stub.get(decoded.item) ?? [],
        ),
      ]);
      const peer = await Peer.connect(path);
      peer.socket.write(request);
      expect((await peer.receives(expected.length)).equals(expected)).toBe(true);
    }
  });

  test('every recorded call of every statement succeeds', async () => {
    const { client } = await serve(tables());
    for (const { calls } of [...QUERIES, ...QUERIES_WITHOUT_DEFAULT_INDEX]) {
      for (const { registry, item, request } of calls) {
        const { status, rows } = await client.call(registry, item, request);
        expect(status).toEqual({ code: 0, message: 'OK', uuid: '20658' });
        if (request.action !== 'generate') expect(rows).toEqual([{ status: 'readonly' }]);
      }
    }
  });
});

describe('actions', () => {
  test('columns answers what was registered', async () => {
    const { client } = await serve();
    expect((await client.call('table', 'numbers', { action: 'columns' })).rows).toEqual([
      { id: 'column', name: 'n', type: 'BIGINT', op: '0' },
      { id: 'column', name: 't', type: 'TEXT', op: '0' },
      { id: 'attributes', attributes: '0' },
    ]);
  });

  test.each<[string, string, Record<string, string>, string]>([
    ['another registry', 'logger', {}, 'no registry "logger": this extension has "table"'],
    ['another table', 'nothing', GENERATE, 'no table "nothing": this extension has numbers'],
    ['another action', 'numbers', { action: 'explode' }, 'numbers: no action "explode"'],
    ['no action', 'numbers', {}, 'numbers: the request has no action'],
    ['no context', 'numbers', { action: 'generate' }, 'numbers: the request has no context'],
    [
      'a broken context',
      'numbers',
      { action: 'generate', context: '{' },
      'numbers: context is not JSON: "{" (1 characters)',
    ],
  ])('%s fails with a message that names it', async (_name, item, request, message) => {
    const { client } = await serve();
    const registry = item === 'logger' ? 'logger' : 'table';
    const { status, rows } = await client.call(registry, item, request);
    expect(status).toEqual({ code: 1, message, uuid: '20658' });
    expect(rows).toEqual([]);
  });

  test.each([
    [
      'throws',
      () => {
        throw new Error('disk full');
      },
      'numbers: disk full',
    ],
    ['rejects', () => Promise.reject(new Error('too late')), 'numbers: too late'],
    [
      'throws in the middle',
      function* () {
        yield { n: 1 };
        throw new Error('half way');
      },
      'numbers: half way',
    ],
    [
      'gives nothing',
      () => undefined as unknown as Iterable<Numbered>,
      'numbers: generate returned a value that is not iterable',
    ],
  ])('a table that %s fails the query, not the server', async (_name, generate, message) => {
    const { client, log } = await serve([numbers(generate)]);
    expect((await client.call('table', 'numbers', GENERATE)).status).toMatchObject({ code: 1, message });
    expect((await client.ping()).code).toBe(0);
    expect(log.lines).toMatchObject([{ level: 'warn', message: 'a query failed' }]);
  });

  test('rows may come as an array, lazily, or later', async () => {
    const rows = [{ n: 0 }, { n: 1 }];
    for (const generate of [() => rows, () => new Set(rows), () => rows.values(), async () => rows.values()]) {
      const { client } = await serve([numbers(generate)]);
      expect((await client.call('table', 'numbers', GENERATE)).rows).toEqual([
        { rowid: '0', n: '0', t: 'text 0' },
        { rowid: '1', n: '1', t: 'text 1' },
      ]);
    }
  });

  test('a column that throws is counted and logged once', async () => {
    const broken: TablePlugin<Numbered> = {
      ...numbers(50),
      columns: [
        text('x', '', () => {
          throw new Error('odd');
        }),
      ],
    };
    const { client, server, log } = await serve([broken]);
    const { rows } = await client.call('table', 'numbers', GENERATE);
    expect(rows.length).toBe(50);
    expect(rows[49]).toEqual({ rowid: '49' });
    expect(server.counts.valueErrors).toBe(50);
    expect(log.lines).toMatchObject([{ level: 'error', object: { table: 'numbers', column: 'x', error: 'odd' } }]);
  });
});

describe('the socket', () => {
  test("is only its owner's, and gone after the end", async () => {
    const { server, path } = await serve();
    expect(statSync(path).mode & 0o777).toBe(0o600);
    await server.close();
    expect(existsSync(path)).toBe(false);
  });

  test('replaces one on which no process answers', async () => {
    const path = join(directory(), 'o.1');
    // A process that dies leaves its socket: here one whose file was moved, so that closing did not remove it.
    const left = createServer().listen(`${path}.tmp`);
    await until(() => left.listening);
    renameSync(`${path}.tmp`, path);
    await new Promise((resolve) => left.close(resolve));
    const server = new ExtensionServer({ path, uuid: '1', tables: [], log: recorder() });
    await server.listen();
    afterwards(() => server.close());
    expect((await new ExtensionClient(path).ping()).uuid).toBe('1');
  });

  test.each<[string, (path: string) => void, string]>([
    ['a file', (path) => writeFileSync(path, 'precious'), 'is not a socket: move the file'],
    ['a directory', (path) => mkdirSync(path), 'is not a socket: move the file'],
  ])('leaves alone %s that is in its place', async (_name, make, message) => {
    const path = join(directory(), 'o.1');
    make(path);
    const server = new ExtensionServer({ path, uuid: '1', tables: [], log: recorder() });
    await expect(server.listen()).rejects.toThrow(message);
    expect(existsSync(path)).toBe(true);
  });

  test('does not replace one on which a process answers', async () => {
    const { path, client } = await serve();
    const second = new ExtensionServer({ path, uuid: '2', tables: [], log: recorder() });
    await expect(second.listen()).rejects.toThrow(`${path} is in use: another process listens on it`);
    expect((await client.ping()).uuid).toBe('20658');
  });

  test('is not removed at the end if another process has it by then', async () => {
    const { server, path } = await serve();
    // A new worker clears the directory, and may give another extension the uuid that was ours.
    rmSync(path);
    const other = new ExtensionServer({ path, uuid: '2', tables: [], log: recorder() });
    await other.listen();
    await server.close();
    expect((await new ExtensionClient(path).ping()).uuid).toBe('2');
    await other.close();
    expect(readdirSync(dirname(path))).toEqual([]);
  });

  test('replaces one that a crash left before it was renamed', async () => {
    const path = join(directory(), 'o.12');
    const left = createServer().listen(`${path}.tmp`);
    await until(() => left.listening);
    renameSync(`${path}.tmp`, join(dirname(path), 'o.1~'));
    await new Promise((resolve) => left.close(resolve));
    const server = new ExtensionServer({ path, uuid: '12', tables: [], log: recorder() });
    await server.listen();
    afterwards(() => server.close());
    expect(readdirSync(dirname(path))).toEqual(['o.12']);
  });

  test('needs a directory', async () => {
    const path = join(directory(), 'none', 'o.1');
    const server = new ExtensionServer({ path, uuid: '1', tables: [], log: recorder() });
    await expect(server.listen()).rejects.toThrow(ExtensionError);
    await expect(server.listen()).rejects.toThrow('Its directory must exist');
  });

  test('invalid tables are refused before anything listens', () => {
    const make = (tables: TablePlugin<unknown>[]) => () =>
      new ExtensionServer({ path: '/nowhere', uuid: '1', tables, log: recorder() });
    expect(make([numbers(1), numbers(2)])).toThrow('two tables have the name numbers');
    const [column] = numbers(1).columns;
    expect(make([{ ...numbers(1), columns: column ? [column, column] : [] }])).toThrow('column "n" is declared twice');
    expect(make([{ ...numbers(1), columns: [text('a b', '', () => '')] }])).toThrow('column "a b" is not a SQL name');
  });
});

describe('requests in odd pieces', () => {
  test('byte by byte', async () => {
    const { path } = await serve();
    const peer = await Peer.connect(path);
    peer.socket.setNoDelay(true);
    const request = encodeCall(5, 'table', 'numbers', GENERATE);
    for (const byte of request) {
      await new Promise((resolve) => peer.socket.write(Buffer.of(byte), resolve));
      await new Promise(setImmediate);
    }
    await until(() => peer.received.length > 0);
    expect(decodeResponse(peer.received, 5, REQUEST_LIMITS).rows.length).toBe(3);
  });

  test('two in one piece, and half of a third, are answered in order', async () => {
    const slow = numbers(async () => {
      for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
      return [{ n: 1 }];
    });
    const { path } = await serve([slow]);
    const peer = await Peer.connect(path);
    const requests = [encodeCall(1, 'table', 'numbers', GENERATE), encodeRequest('ping', 2), encodeRequest('ping', 3)];
    const bytes = Buffer.concat(requests);
    peer.socket.write(bytes.subarray(0, bytes.length - 5));
    await until(() => peer.received.includes('ping'));
    const first = peer.received.length;
    expect(decodeResponse(peer.received, 1, REQUEST_LIMITS).rows.length).toBe(1);
    peer.socket.write(bytes.subarray(bytes.length - 5));
    await peer.receives(first + PONG_BYTES);
    const seqids = [first - PONG_BYTES, first].map((at) => peer.received.readInt32BE(at + 12));
    expect(seqids).toEqual([2, 3]);
  });

  test('an unknown method is answered, and the next request too', async () => {
    const { path } = await serve();
    const peer = await Peer.connect(path);
    const bytes = Buffer.from(
      `${'800100010000000665787472610a00000007'.replace('65787472610a', '657874726173')}00`,
      'hex',
    );
    const expected = encodeUnknownMethod('extras', 7);
    peer.socket.write(Buffer.concat([bytes, PING]));
    const received = await peer.receives(expected.length + PONG_BYTES);
    expect(received.subarray(0, expected.length).equals(expected)).toBe(true);
  });
});

describe('hostile peers', () => {
  test.each([
    ['a length of 2 GB', Buffer.from('800100010000000463616c6c000000000b00017fffffff', 'hex')],
    ['another protocol', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    ['a reply', Buffer.from('800100020000000470696e670000000000', 'hex')],
    ['a name of 2 GB', Buffer.from('800100017fffffff', 'hex')],
  ])('%s closes the connection, with one line in the log however often', async (_name, bytes) => {
    const { path, log, client } = await serve();
    for (let i = 0; i < 5; i++) {
      const peer = await Peer.connect(path);
      peer.socket.write(bytes);
      await peer.isClosed();
      expect(peer.received.length).toBe(0);
    }
    expect(log.lines).toMatchObject([{ level: 'warn', object: { kind: 'protocol' } }]);
    expect((await client.ping()).code).toBe(0);
  });

  test('random bytes do not harm other connections', async () => {
    const { path, client, server } = await serve();
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.boolean(), async (bytes, call) => {
        const peer = await Peer.connect(path);
        peer.socket.end(
          Buffer.concat([call ? Buffer.from('800100010000000463616c6c00000000', 'hex') : Buffer.alloc(0), bytes]),
        );
        await peer.isClosed();
      }),
      { numRuns: 300 },
    );
    await until(() => server.connections === 0);
    expect((await client.ping()).code).toBe(0);
  });

  test('an unfinished request is given up after 30 s', async () => {
    const { path, log } = await serveInVirtualTime();
    const peer = await Peer.connect(path);
    peer.socket.write(PING.subarray(0, 10));
    await until(() => passes(peer, 10));
    expect(log.lines).toMatchObject([{ object: { kind: 'partial' } }]);
  });

  test('a request that trickles in is given up as well', async () => {
    const { path, log } = await serveInVirtualTime();
    const peer = await Peer.connect(path);
    const request = encodeCall(1, 'table', 'numbers', { context: 'x'.repeat(10_000) });
    peer.socket.write(request.subarray(0, -9000));
    await until(() => {
      peer.socket.write('x');
      return passes(peer, 1);
    });
    expect(log.lines).toMatchObject([{ object: { kind: 'partial' } }]);
  });

  test('a connection without requests is closed after 5 minutes, without a message', async () => {
    const { path, log } = await serveInVirtualTime();
    const peer = await Peer.connect(path);
    peer.socket.write(PING);
    await peer.receives(PONG_BYTES);
    vi.advanceTimersByTime(299_000);
    await new ExtensionClient(path).ping();
    expect(peer.closed).toBe(false);
    await until(() => passes(peer, 1));
    expect(peer.received.length).toBe(PONG_BYTES);
    expect(log.lines).toEqual([]);
  });

  test('the timer for idle connections runs only while there are connections, also after a restart', async () => {
    const { path, server } = await serveInVirtualTime();
    expect(vi.getTimerCount()).toBe(0);
    for (const isRestarted of [false, false, true]) {
      if (isRestarted) {
        await Peer.connect(path);
        await until(() => server.connections === 1);
        await server.close();
        expect(vi.getTimerCount()).toBe(0);
        await server.listen();
      }
      const peer = await Peer.connect(path);
      peer.socket.write(PING);
      await peer.receives(PONG_BYTES);
      expect(vi.getTimerCount()).toBe(1);
      vi.advanceTimersByTime(299_000);
      await until(() => passes(peer, 1));
      await until(() => passes(peer, 1) && vi.getTimerCount() === 0);
    }
  });

  /** A server whose clock only `passes` moves. */
  function serveInVirtualTime() {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
    afterwards(() => vi.useRealTimers());
    return serve();
  }

  /** Whether a peer has been closed when so many more seconds have passed. */
  function passes(peer: Peer, seconds: number): boolean {
    vi.advanceTimersByTime(seconds * 1000);
    return peer.closed;
  }

  test('unfinished requests together hold no more than a bound', async () => {
    const { path, log, server } = await serve(undefined, { bufferedBytes: 3 * 1024 * 1024 });
    const half = encodeCall(1, 'table', 'numbers', { context: 'x'.repeat(1024 * 1024) }).subarray(0, -100);
    const peers = await Promise.all(Array.from({ length: 8 }, () => Peer.connect(path)));
    for (const peer of peers) peer.socket.write(half);
    await until(() => peers.filter(({ closed }) => closed).length >= 4);
    expect(log.lines).toMatchObject([{ object: { kind: 'buffered' } }]);
    await server.close();
  });

  test('2,000 connections that send nothing do not keep osquery out', async () => {
    const { path, client, server } = await serve();
    for (let i = 0; i < 20; i++)
      await Promise.all(Array.from({ length: 100 }, () => Peer.connect(path).catch(() => undefined)));
    expect(server.connections).toBeLessThanOrEqual(256);
    expect((await client.ping()).code).toBe(0);
    expect((await client.call('table', 'numbers', GENERATE)).rows.length).toBe(3);
  });

  test('when all connections are busy, further ones are closed', async () => {
    const never = numbers(() => new Promise(() => {}));
    const { path, log, server } = await serve([never], { connections: 2 });
    for (let i = 0; i < 2; i++) (await Peer.connect(path)).socket.write(encodeCall(1, 'table', 'numbers', GENERATE));
    await until(() => server.counts.requests === 2);
    const third = await Peer.connect(path);
    await third.isClosed();
    expect(log.lines).toMatchObject([{ object: { kind: 'connections' } }]);
  });
});

describe('many at once', () => {
  test('50 connections, each with its own answer', async () => {
    const { client } = await serve([numbers(500)]);
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, i) => (i % 2 ? client.call('table', 'numbers', GENERATE) : client.ping())),
    );
    for (const [i, answer] of answers.entries()) {
      if ('rows' in answer) expect(answer.rows.length).toBe(500);
      else expect(answer).toEqual({ code: 0, message: 'OK', uuid: '20658' });
      expect('rows' in answer).toBe(i % 2 === 1);
    }
  });

  test('pings are answered while five times 50,000 rows are read', async () => {
    const wide: TablePlugin<Numbered> = {
      ...numbers(function* () {
        for (let n = 0; n < 50_000; n++) yield { n };
      }),
      columns: Array.from({ length: 20 }, (_, i) =>
        text(`c${i}`, '', ({ n }: Numbered) => `value ${n} of column ${i}`),
      ),
    };
    const { path, client } = await serve([wide]);
    const readers = await Promise.all(Array.from({ length: 5 }, () => Peer.connect(path)));
    let taken = 0;
    for (const { socket } of readers) {
      socket.removeAllListeners('data');
      socket.on('data', (chunk) => {
        taken += chunk.length;
      });
      socket.write(encodeCall(1, 'table', 'numbers', GENERATE));
    }
    // 20 columns of 4 + 2 + 4 + 20 bytes or so.
    const isRead = () => taken >= 5 * 50_000 * 20 * 30;
    let pings = 0;
    const pinging = async () => {
      while (!isRead()) {
        await client.ping();
        pings += 1;
      }
    };
    const [{ longestMs, totalMs }] = await Promise.all([turnsUntil(isRead), pinging()]);
    expect(pings).toBeGreaterThan(5);
    expect(longestMs).toBeLessThan(totalMs / 5);
  });

  test('other work runs while values come slowly', async () => {
    const slow: TablePlugin<Numbered> = {
      ...numbers(3000),
      columns: [bigint('n', '', ({ n }: Numbered) => workFor(0.1) + n)],
    };
    const { path, client } = await serve([slow]);
    const peer = await Peer.connect(path);
    const [{ longestMs, totalMs }] = await Promise.all([
      turnsUntil(() => peer.received.length > 0),
      new Promise((resolve) => peer.socket.write(encodeCall(1, 'table', 'numbers', GENERATE), resolve)),
      client.ping(),
    ]);
    expect(longestMs).toBeLessThan(totalMs / 3);
  });

  test('under any load, each turn of the event loop does a part of it', async () => {
    const share = new EventLoopShare();
    let working = 20;
    const work = async () => {
      for (let i = 0; i < 15; i++) {
        workFor(2);
        if (share.spent()) await share.turn();
      }
      working -= 1;
    };
    const turns = turnsUntil(() => working === 0);
    const all = Array.from({ length: working }, work);
    const { longestMs, totalMs } = await turns;
    // Twenty slices of 10 ms at once would be a third of it.
    expect(longestMs).toBeLessThan(totalMs / 6);
    await Promise.all(all);
  });

  test('generating stops when the reader goes away', async () => {
    let made = 0;
    let ended = false;
    const endless = numbers(function* () {
      try {
        for (;;) yield { n: made++ };
      } finally {
        ended = true;
      }
    });
    const { path, server } = await serve([endless]);
    const peer = await Peer.connect(path);
    peer.socket.write(encodeCall(1, 'table', 'numbers', GENERATE));
    await until(() => made > 0);
    peer.socket.destroy();
    await until(() => ended, 'the end of the generator');
    await until(() => server.connections === 0);
  });

  test('a reader that leaves in the middle of its answer leaves nothing behind', async () => {
    const { path, server, client, log } = await serve([numbers(200_000)]);
    const peer = await Peer.connect(path);
    peer.socket.once('data', () => peer.socket.destroy());
    peer.socket.write(encodeCall(1, 'table', 'numbers', GENERATE));
    await peer.isClosed();
    await until(() => server.connections === 0, 'the end of the answer');
    expect((await client.ping()).code).toBe(0);
    expect(log.lines).toEqual([]);
  });

  test('a reader that takes nothing is waited for, and finally cut off', async () => {
    const { path, log, server } = await serve([large(2000)], { stallSeconds: 0.3 });
    const peer = await Peer.connect(path);
    peer.socket.pause();
    peer.socket.write(encodeCall(1, 'table', 'numbers', GENERATE));
    // Asking for more is not reading.
    const asking = setInterval(() => peer.socket.write('x'), 20);
    afterwards(() => clearInterval(asking));
    await until(() => server.counts.faults === 1, 'the cut');
    expect(log.lines).toMatchObject([{ object: { kind: 'stalled' } }]);
    expect(server.connections).toBe(0);
    await until(() => server.answerBytes === 0, 'the end of the answer');
  });

  test('a slow reader gets everything, although it takes longer than a stall may', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    afterwards(() => vi.useRealTimers());
    const stallSeconds = 60;
    const { path } = await serve([numbers(200_000)], { stallSeconds });
    const peer = await Peer.connect(path);
    const buffer = new MessageBuffer(REQUEST_LIMITS);
    const { promise: reply, resolve } = Promise.withResolvers<Buffer>();
    let seconds = 0;
    peer.socket.removeAllListeners('data');
    peer.socket.on('close', () => resolve(Buffer.alloc(0)));
    peer.socket.on('data', (chunk: Buffer) => {
      buffer.push(chunk);
      const message = buffer.next();
      if (message) resolve(message);
      const pause = stallSeconds / 20;
      seconds += pause;
      vi.advanceTimersByTime(pause * 1000);
    });
    peer.socket.write(encodeCall(1, 'table', 'numbers', GENERATE));
    expect(decodeResponse(await reply, 1, REQUEST_LIMITS).rows.length).toBe(200_000);
    expect(seconds).toBeGreaterThan(stallSeconds);
  });
});
