import fc from 'fast-check';
import Int64 from 'node-int64';
import thrift from 'thrift';
import { describe, expect, test } from 'vitest';
import { bigint, type Column, double, integer, json, text } from '../../../src/osquery/column.ts';
import { REQUEST_LIMITS } from '../../../src/osquery/protocol.ts';
import { decodeReply, RemoteError } from '../../../src/osquery/reply_decoder.ts';
import { encodeStatusReply, encodeUnknownMethod } from '../../../src/osquery/reply_encoder.ts';
import type { Response, Status } from '../../../src/osquery/response.ts';
import { CHUNK_BYTES, type EncodedTable, ResponseEncoder } from '../../../src/osquery/response_encoder.ts';
import { readStatus } from '../../../src/osquery/thrift_structs.ts';
import types from '../../../thrift/gen-nodejs/osquery_types.js';
import { leastCpuMs } from '../cpu_time.ts';
import { EXCHANGES, recordedTables } from './recording.ts';
import { decodeResponse, encodeRecords, encodeResponse } from './serving.ts';

const OK: Status = { code: 0, message: 'OK', uuid: '20658' };
const encodePong = (seqid: number, status: Status) => encodeStatusReply('ping', seqid, status);
const decodePong = (reply: Buffer, seqid: number) => decodeReply(reply, 'ping', seqid, LIMITS, readStatus);
const LIMITS = { ...REQUEST_LIMITS, maxMessageBytes: 2 ** 28 };

/** What Thrift's library writes of the same. */
function libraryBytes(seqid: number, status: Status, rows: Response['rows']): Buffer {
  const written: Buffer[] = [];
  const transport = new thrift.TBufferedTransport(undefined, (bytes) => {
    if (bytes) written.push(bytes);
  });
  const output = new thrift.TBinaryProtocol(transport);
  const uuid = Buffer.alloc(8);
  uuid.writeBigInt64BE(BigInt(status.uuid));
  output.writeMessageBegin('call', thrift.Thrift.MessageType.REPLY, seqid);
  output.writeFieldBegin('success', thrift.Thrift.Type.STRUCT, 0);
  const response: unknown = new types.ExtensionResponse({
    status: new types.ExtensionStatus({ code: status.code, message: status.message, uuid: new Int64(uuid) }),
    response: [...rows],
  });
  // The generated declarations leave it out.
  (response as thrift.TStructLike).write(output);
  output.writeFieldStop();
  output.writeMessageEnd();
  output.flush();
  return Buffer.concat(written);
}

type Row = (string | number | bigint)[];

function columnsOf(count: number): Column<Row>[] {
  return Array.from({ length: count }, (_, i) => text(`column_${i}`, '', (row: Row) => row[i] ?? ''));
}

/** A table of these columns whose rows are numbered from 0. */
function tableOf<Row>(columns: readonly Column<Row>[]): EncodedTable<Row> {
  let next = 0;
  return { columns, rowid: () => next++ };
}

const withRowids = (rows: Response['rows']) => rows.map((row, i) => ({ rowid: String(i), ...row }));

const encoded = (seqid: number, status: Status, columns: Column<Row>[], used: Set<string> | undefined, rows: Row[]) =>
  Buffer.concat([...encodeResponse<Row>(seqid, status, tableOf(columns), used, rows)]);

const asText = (columns: Column<Row>[], rows: Row[]) =>
  withRowids(rows.map((row) => Object.fromEntries(columns.map((column) => [column.name, String(column.value(row))]))));

/** Fails with the first difference instead of printing a megabyte. */
function expectSame(ours: Buffer, theirs: Buffer) {
  expect(ours.length).toBe(theirs.length);
  expect(ours.equals(theirs)).toBe(true);
}

describe('replies are what the Thrift library writes, byte for byte', () => {
  test('for any values', () => {
    const value = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 60 }),
      fc.string({ unit: 'grapheme', maxLength: 60 }),
      // Lone surrogates and all else that 16 bits can be.
      fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 60 }).map((units) => String.fromCharCode(...units)),
      fc.integer(),
      fc.double(),
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    );
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 6 }).chain((width) =>
          fc.record({
            width: fc.constant(width),
            rows: fc.array(fc.array(value, { minLength: width, maxLength: width }), { maxLength: 20 }),
          }),
        ),
        fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
        fc.record({
          code: fc.integer({ min: -5, max: 5 }),
          message: fc.string(),
          uuid: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String),
        }),
        ({ width, rows }, seqid, status) => {
          const columns = columnsOf(width);
          expectSame(
            encoded(seqid, status, columns, undefined, rows),
            libraryBytes(seqid, status, asText(columns, rows)),
          );
        },
      ),
      { numRuns: 1000 },
    );
  });

  test('for rows that have values in common with the row before', () => {
    const column = fc.oneof(
      fc.constant([null]),
      fc.uniqueArray(fc.oneof(fc.string({ unit: 'grapheme', maxLength: 100 }), fc.integer()), { minLength: 1 }),
    );
    fc.assert(
      fc.property(fc.array(column, { maxLength: 8 }), fc.infiniteStream(fc.nat({ max: 2 })), (pools, choices) => {
        const columns: Column<(string | number | null)[]>[] = pools.map((_, i) =>
          text(`c${i}`, '', (row) => row[i] ?? null),
        );
        const next = () => choices.next().value ?? 0;
        const rows = Array.from({ length: 40 }, () => pools.map((pool) => pool[next() % pool.length] ?? null));
        const known = rows.map((row) =>
          Object.fromEntries(row.flatMap((value, i) => (value === null ? [] : [[`c${i}`, String(value)]]))),
        );
        const ours = Buffer.concat([...encodeResponse(0, OK, tableOf(columns), undefined, rows)]);
        expectSame(ours, libraryBytes(0, OK, withRowids(known)));
      }),
      { numRuns: 500 },
    );
  });

  test('for every byte, empty text, emoji, a surrogate alone, and 200 kB of each', () => {
    const bytes = Array.from({ length: 256 }, (_, i) => String.fromCharCode(i)).join('');
    const pieces = [
      '',
      bytes,
      '🌲',
      '\ud83c',
      '\udf32',
      'a\ud83cb',
      'ü',
      '\u212a\uffff',
      'x'.repeat(39),
      'x'.repeat(40),
      'x'.repeat(41),
    ];
    const long = pieces
      .map((piece) => piece.repeat(Math.ceil(200_000 / (piece.length || 1))))
      .map((s) => s.slice(0, 200_000));
    const rows: Row[] = [...pieces, ...long].map((piece) => [piece, piece]);
    const columns = columnsOf(2);
    expectSame(encoded(1, OK, columns, undefined, rows), libraryBytes(1, OK, asText(columns, rows)));
  });

  test('for the numbers at the edges', () => {
    const rows: Row[] = [
      0,
      -0,
      9,
      10,
      99,
      100,
      2147483647,
      2147483648,
      -1,
      0.5,
      1e21,
      2 ** 53,
      -(2n ** 63n),
      2n ** 63n - 1n,
    ].map((n) => [n]);
    const columns = [bigint('n', '', (row: Row) => row[0] ?? 0)];
    expectSame(encoded(1, OK, columns, undefined, rows), libraryBytes(1, OK, asText(columns, rows)));
  });

  test('for no rows, and for rows of which nothing is used', () => {
    const columns = columnsOf(3);
    expectSame(encoded(1, OK, columns, undefined, []), libraryBytes(1, OK, []));
    expectSame(encoded(1, OK, columns, new Set(), [['a'], ['b']]), libraryBytes(1, OK, withRowids([{}, {}])));
  });

  test('for maps, a failure among them', () => {
    const failed: Status = { code: 1, message: 'no such thing: ü', uuid: '7' };
    expectSame(encodeRecords(3, failed, []), libraryBytes(3, failed, []));
    expectSame(encodeRecords(3, OK, [{ status: 'readonly' }]), libraryBytes(3, OK, [{ status: 'readonly' }]));
  });

  test('to the recorded requests, from the rows in the recorded replies', () => {
    const replies = EXCHANGES.map(({ reply }) => reply).filter((reply) => reply.includes('call'));
    expect(replies.length).toBe(3);
    for (const reply of replies) {
      const { rows } = decodeResponse(reply, 0, LIMITS);
      const table = recordedTables(() => rows).find(
        ({ columns }) => columns.length === Object.keys(rows[0] ?? {}).length,
      );
      const ours = encodeResponse(0, OK, tableOf(table?.columns ?? []), undefined, rows);
      // The recorded stub gave its rows no ids.
      expectSame(libraryBytes(0, OK, rows), reply);
      expectSame(Buffer.concat([...ours]), libraryBytes(0, OK, withRowids(rows)));
    }
  });
});

test('only the columns that are used are written, in the order of the table', () => {
  const columns = columnsOf(5);
  const reply = encoded(0, OK, columns, new Set(['column_3', 'column_1']), [['a', 'b', 'c', 'd', 'e']]);
  expectSame(reply, libraryBytes(0, OK, withRowids([{ column_1: 'b', column_3: 'd' }])));
});

test('a column that is not used is not computed', () => {
  const columns = [text('a', '', () => 'x'), text('b', '', () => expect.fail('computed'))];
  const [reply] = encodeResponse(0, OK, tableOf(columns), new Set(['a']), [{}]);
  expect(decodeResponse(reply ?? Buffer.alloc(0), 0, LIMITS).rows).toEqual([{ rowid: '0', a: 'x' }]);
});

test('a column that throws leaves NULL and a whole reply, and is reported', () => {
  const failures: string[] = [];
  const columns = [
    integer('a', '', (n: number) => n),
    text('b', '', (n: number) => {
      if (n === 2) throw new Error('two');
      return n;
    }),
    double('c', '', (n: number) => (n === 1 ? (undefined as unknown as number) : n)),
  ];
  const chunks = [
    ...encodeResponse(0, OK, tableOf(columns), undefined, [1, 2, 3], (column, error) =>
      failures.push(`${column}: ${error}`),
    ),
  ];
  expect(decodeResponse(Buffer.concat(chunks), 0, LIMITS).rows).toEqual([
    { rowid: '0', a: '1', b: '1' },
    { rowid: '1', a: '2', c: '2' },
    { rowid: '2', a: '3', b: '3', c: '3' },
  ]);
  expect(failures).toEqual(['c: TypeError: a value of type undefined', 'b: Error: two']);
});

test('NULL is a key that is missing', () => {
  const columns = [text('a', '', () => null), bigint('b', '', () => null), json('c', '', () => null)];
  const [reply] = encodeResponse(0, OK, tableOf(columns), undefined, [{}]);
  expect(decodeResponse(reply ?? Buffer.alloc(0), 0, LIMITS).rows).toEqual([{ rowid: '0', c: 'null' }]);
});

test('a row id is any signed 64-bit integer, and nothing else', () => {
  const answer = (rowid: number | bigint) => [
    ...encodeResponse(0, OK, { columns: [], rowid: () => rowid }, undefined, [{}]),
  ];
  for (const rowid of [0, -1, Number.MAX_SAFE_INTEGER, 2n ** 63n - 1n, -(2n ** 63n)]) {
    const { rows } = decodeResponse(Buffer.concat(answer(rowid)), 0, LIMITS);
    expect(rows).toEqual([{ rowid: String(rowid) }]);
  }
  for (const rowid of [0.5, Number.NaN, 2 ** 53, 2n ** 63n]) expect(() => answer(rowid)).toThrow(TypeError);
});

test('a large reply comes in chunks', () => {
  const columns = columnsOf(3);
  const rows = Array.from({ length: 5000 }, (_, i) => ['x'.repeat(i % 300), 'y'.repeat((i / 40) % 300), i]);
  const chunks = [...encodeResponse(0, OK, tableOf(columns), undefined, rows)];
  expect(chunks.length).toBeGreaterThan(5);
  for (const chunk of chunks) expect(chunk.length).toBeLessThan(CHUNK_BYTES + 1024);
  expectSame(Buffer.concat(chunks), libraryBytes(0, OK, asText(columns, rows)));
});

test('of values that many rows have in common, a reply keeps one in each chunk', () => {
  const columns = [text('same', '', () => 'x'.repeat(2000)), bigint('n', '', (n: number) => n)];
  const encoder = new ResponseEncoder(0, OK, tableOf(columns), undefined);
  for (let n = 0; n < 10_000; n++) encoder.row(n);
  const { byteCount } = encoder;
  expect(byteCount).toBeGreaterThan(20_000_000);
  expect(encoder.keptBytes).toBeLessThan(2_000_000);
  let bytes = 0;
  for (const chunk of encoder.end()) {
    bytes += chunk.length;
    expect(encoder.keptBytes).toBeLessThan(2_000_000);
  }
  expect(bytes).toBe(byteCount);
});

describe('replies as a client reads them', () => {
  test('a pong', () => {
    expect(decodePong(encodePong(4, OK), 4)).toEqual({ code: 0, message: 'OK', uuid: '20658' });
    for (const { reply } of EXCHANGES.filter(({ request }) => request.includes('ping'))) {
      expectSame(encodePong(0, OK), reply);
    }
  });

  test('an exception', () => {
    expect(() => decodeResponse(encodeUnknownMethod('call', 1), 1, LIMITS)).toThrow(RemoteError);
    expect(() => decodeResponse(encodeUnknownMethod('call', 1), 1, LIMITS)).toThrow('call: Unknown function call');
  });

  test('an answer to another question is refused', () => {
    expect(() => decodeResponse(encodePong(1, OK), 1, LIMITS)).toThrow('expected a reply to call 1, got one to ping 1');
    expect(() => decodePong(encodePong(2, OK), 1)).toThrow('got one to ping 2');
  });

  test('names that are special in JavaScript are ordinary names', () => {
    const rows = [{ constructor: 'a', toString: 'b' }, JSON.parse('{"__proto__":"c"}')];
    const decoded = decodeResponse(encodeRecords(1, OK, rows), 1, LIMITS).rows;
    expect(decoded.map((row) => Object.entries(row))).toEqual(rows.map((row) => Object.entries(row)));
  });

  test('rows of different names', () => {
    const rows = [{ a: '1', b: '2' }, { b: '3' }, {}, { c: '', a: '🌲' }];
    expect(decodeResponse(libraryBytes(1, OK, rows), 1, LIMITS)).toEqual({
      status: { code: 0, message: 'OK', uuid: '20658' },
      rows,
    });
  });
});

test('10,000 full rows cost less than as JSON', () => {
  const table = recordedTables(() => []).find(({ columns }) => columns.length === 59);
  const ancestry = JSON.stringify(
    Array.from({ length: 16 }, () => ({
      exe_name: 'bash',
      pid: 31561,
      path: '/usr/bin/bash',
      cmdline: 'sh -c /sbin/ldconfig',
      proc_time: 1755733161,
      proc_time_hr: 175573316199,
    })),
  ).slice(0, 3000);
  const columns = (table?.columns ?? []).map((column) => ({
    ...column,
    value: (i: number) =>
      column.name === 'ancestry' ? `${ancestry}${i}` : column.type === 'TEXT' ? '/usr/bin/program' : 1755733161 + i,
  }));
  const rows = Array.from({ length: 10_000 }, (_, i) => i);
  let bytes = 0;
  const encoding = leastCpuMs(() => {
    bytes = 0;
    for (const chunk of encodeResponse(0, OK, tableOf(columns), undefined, rows)) bytes += chunk.length;
  });
  const json = leastCpuMs(() => {
    const objects = rows.map((row) => Object.fromEntries(columns.map(({ name, value }) => [name, String(value(row))])));
    Buffer.from(JSON.stringify(objects));
  });
  console.log(`10,000 full rows: ${encoding.toFixed(0)} ms of CPU, as JSON ${json.toFixed(0)}`);
  expect(bytes).toBeGreaterThan(35_000_000);
  expect(encoding).toBeLessThan(json);
});
