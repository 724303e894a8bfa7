import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BinaryReader } from '../../../src/osquery/binary_reader.ts';
import { MessageBuffer } from '../../../src/osquery/message_buffer.ts';
import { MessageScanner } from '../../../src/osquery/message_scanner.ts';
import { ProtocolError, REQUEST_LIMITS, Underrun } from '../../../src/osquery/protocol.ts';
import { decodeRequest, encodeCall, encodeRequest } from '../../../src/osquery/request.ts';
import { growthOverTen, LINEAR } from '../cpu_time.ts';
import { EXCHANGES, QUERIES, SENT_BY_MANAGER, SENT_TO_MANAGER } from './recording.ts';

/** The length of the message that `bytes` starts with, or how many bytes the scanner needs at least. */
function measureMessage(bytes: Uint8Array): { complete: true; length: number } | { complete: false; needed: number } {
  const scanner = new MessageScanner(REQUEST_LIMITS);
  const length = scanner.scan(bytes);
  return length === undefined ? { complete: false, needed: scanner.needed } : { complete: true, length };
}

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');
const HEAD = '80010001 00000004 70696e67 00000000';

const recorded = [...EXCHANGES.flatMap(({ request, reply }) => [request, reply]), ...SENT_TO_MANAGER];

describe('the end of a message', () => {
  test('is found in everything that was recorded', () => {
    for (const message of recorded) {
      expect(measureMessage(message)).toEqual({ complete: true, length: message.length });
      expect(measureMessage(Buffer.concat([message, hex('ff')]))).toEqual({ complete: true, length: message.length });
    }
  });

  test('is never found too far, at any cut of a message', () => {
    for (const message of recorded) {
      for (let cut = 0; cut < message.length; cut += message.length > 2000 ? 7 : 1) {
        const measured = measureMessage(message.subarray(0, cut));
        if (measured.complete) throw new Error(`complete at ${cut} of ${message.length}`);
        expect(measured.needed).toBeGreaterThan(cut);
        expect(measured.needed).toBeLessThanOrEqual(message.length);
      }
    }
  });

  test('is found in bytes that come in any pieces', () => {
    const stream = Buffer.concat([...EXCHANGES.map(({ request }) => request), SENT_BY_MANAGER]);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1 }), (sizes) => {
        const buffer = new MessageBuffer(REQUEST_LIMITS);
        const messages: Buffer[] = [];
        for (let at = 0, i = 0; at < stream.length; i++) {
          const size = sizes[i % sizes.length] ?? 1;
          buffer.push(Buffer.from(stream.subarray(at, at + size)));
          at += size;
          for (let message = buffer.next(); message; message = buffer.next()) messages.push(message);
        }
        expect(Buffer.concat(messages).equals(stream)).toBe(true);
        expect(messages.length).toBe(EXCHANGES.length + SENT_TO_MANAGER.length);
        expect(buffer.length).toBe(0);
      }),
      { numRuns: 100 },
    );
  });

  test('is searched once: a message of many fields byte by byte takes linear time', () => {
    const field = hex('03 0009 01');
    const read = (fields: number) => {
      const message = Buffer.concat([hex(HEAD), ...Array.from({ length: fields }, () => field), hex('00')]);
      const buffer = new MessageBuffer(REQUEST_LIMITS);
      let found: Buffer | undefined;
      for (let i = 0; i < message.length; i++) {
        buffer.push(message.subarray(i, i + 1));
        found = buffer.next();
      }
      expect(found?.length).toBe(message.length);
    };
    expect(growthOverTen(read, 3000)).toBeLessThan(LINEAR);
  });
});

describe('an invalid or too large message', () => {
  test.each([
    ['another version', '80020001 00000004', 'it starts with 0x8002'],
    ['an unversioned message', '00000004 70696e67', 'it starts with 0x0'],
    ['text', '47455420 2f204854', 'it starts with 0x4745'],
    ['a negative name', '80010001 ffffffff', 'method name of -1 bytes'],
    ['a long name', '80010001 00000101', 'method name of 257 bytes'],
    ['a string of 2 GB', `${HEAD} 0b 0001 7fffffff`, '16777216 at most'],
    ['a string of -1', `${HEAD} 0b 0001 ffffffff`, 'negative size -1'],
    ['a list of 2 G', `${HEAD} 0f 0001 0b 7fffffff`, '16777216 at most'],
    ['a map of -1', `${HEAD} 0d 0001 0b0b ffffffff`, 'negative size -1'],
    ['a map of 2 G booleans', `${HEAD} 0d 0001 0202 7fffffff`, '16777216 at most'],
    ['a type that does not exist', `${HEAD} 63 0001`, 'unknown type 99'],
    ['a list of what does not exist', `${HEAD} 0f 0001 63 00000001`, 'unknown type 99'],
    ['structs in structs', HEAD + '0c 0001'.repeat(40), 'nested deeper than 32'],
    ['lists in lists', `${HEAD} 0f 0001${'0f 00000001'.repeat(40)}`, 'nested deeper than 32'],
  ])('%s is refused as soon as it is said', (_name, bytes, message) => {
    expect(() => measureMessage(hex(bytes))).toThrow(ProtocolError);
    expect(() => measureMessage(hex(bytes))).toThrow(message);
  });

  test('random bytes are refused or waited for, and nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.boolean(), (bytes, withHead) => {
        const message = withHead ? Buffer.concat([hex(HEAD), bytes]) : Buffer.from(bytes);
        try {
          const measured = measureMessage(message);
          // What is complete can be read without an underrun.
          if (measured.complete) decodeRequest(message.subarray(0, measured.length));
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
          expect(error).not.toBeInstanceOf(Underrun);
        }
      }),
      { numRuns: 3000 },
    );
  });

  test('a mutated request is refused, waited for or read as something', () => {
    const requests = EXCHANGES.map(({ request }) => request);
    fc.assert(
      fc.property(
        fc.constantFrom(...requests),
        fc.array(fc.record({ at: fc.nat(), byte: fc.integer({ min: 0, max: 255 }) }), { minLength: 1, maxLength: 4 }),
        (request, changes) => {
          const bytes = Buffer.from(request);
          for (const { at, byte } of changes) bytes[at % Math.min(bytes.length, 120)] = byte;
          try {
            const measured = measureMessage(bytes);
            if (measured.complete) decodeRequest(bytes.subarray(0, measured.length));
          } catch (error) {
            expect(error).toBeInstanceOf(ProtocolError);
            expect(error).not.toBeInstanceOf(Underrun);
          }
        },
      ),
      { numRuns: 3000 },
    );
  });
});

describe('a reader', () => {
  test('says how many bytes it needs', () => {
    const reader = new BinaryReader(hex('0000000a 616263'));
    expect(() => reader.string()).toThrow(expect.objectContaining({ name: 'ProtocolError', needed: 14 }));
  });

  test('skips unknown fields of every type', () => {
    const unknown = [
      '02 0063 01',
      '03 0063 01',
      '04 0063 0000000000000000',
      '06 0063 0000',
      '08 0063 00000000',
      '0a 0063 0000000000000000',
      '0b 0063 00000001 61',
      '0c 0063 0b 0001 00000001 61 00',
      '0d 0063 0b08 00000001 00000001 61 00000001',
      '0e 0063 08 00000001 00000001',
      '0f 0063 0c 00000002 00 00',
      `10 0063 ${'00'.repeat(16)}`,
      // The registry, but as a number.
      '08 0001 00000007',
    ].join('');
    const call = `80010001 00000004 63616c6c 00000009 ${unknown} 0b 0002 00000001 74 00`;
    const message = hex(call);
    expect(measureMessage(message)).toEqual({ complete: true, length: message.length });
    expect(decodeRequest(message)).toEqual({ method: 'call', seqid: 9, registry: '', item: 't', request: new Map() });
  });

  test('agrees with the scanner about the end of a message', () => {
    for (const message of recorded) {
      const reader = new BinaryReader(message);
      reader.message();
      reader.skip(12);
      expect(reader.position).toBe(message.length);
    }
  });
});

describe('requests', () => {
  test('are what osquery sent', () => {
    const decoded = EXCHANGES.map(({ request }) => decodeRequest(request));
    expect(new Set(decoded.map(({ method }) => method))).toEqual(new Set(['ping', 'call', 'shutdown']));
    const calls = decoded.filter((request) => request.method === 'call');
    expect(calls.length).toBe(3);
    for (const call of calls) {
      expect(call.registry).toBe('table');
      expect(call.request.get('action')).toBe('generate');
      expect(JSON.parse(call.request.get('context') ?? '')).toHaveProperty('colsUsed');
    }
    // Statements of queries.jsonl were run at the time.
    const requests = QUERIES.flatMap((query) => query.calls.map(({ request }) => Object.keys(request).sort()));
    for (const call of calls) expect(requests).toContainEqual([...call.request.keys()].sort());
  });

  test('are sent as osquery sends them', () => {
    for (const { request } of EXCHANGES) {
      const decoded = decodeRequest(request);
      if (decoded.method === 'unknown') throw new Error('unknown');
      const bytes =
        decoded.method === 'call'
          ? encodeCall(decoded.seqid, decoded.registry, decoded.item, Object.fromEntries(decoded.request))
          : encodeRequest(decoded.method, decoded.seqid);
      expect(bytes.equals(request)).toBe(true);
    }
  });

  test('of an unknown method are decoded, replies and one-way calls are refused', () => {
    expect(decodeRequest(hex('80010001 00000003 666f6f 00000007 00'))).toEqual({
      method: 'unknown',
      name: 'foo',
      seqid: 7,
    });
    expect(() => decodeRequest(hex('80010002 00000004 70696e67 00000000 00'))).toThrow('message type 2');
    expect(() => decodeRequest(hex('80010004 00000004 70696e67 00000000 00'))).toThrow('message type 4');
  });
});

test('a scanner starts anew when it is reset', () => {
  const scanner = new MessageScanner(REQUEST_LIMITS);
  const ping = encodeRequest('ping', 1);
  expect(scanner.scan(ping.subarray(0, 10))).toBeUndefined();
  scanner.reset();
  expect(scanner.scan(ping)).toBe(ping.length);
});

test('a message of more values than its reader takes is refused at the first one too many, at any place', () => {
  const limits = { ...REQUEST_LIMITS, maxValues: 3 };
  // Three fields of one byte; a list of bytes in a field; a map in a field.
  const fields = (count: number) => `${HEAD} ${'03 0001 00 '.repeat(count)}`;
  const list = `${HEAD} 0f 0001 03 00000003 ${'00 '.repeat(3)} 00`;
  const map = `${HEAD} 0d 0001 03 03 00000002 ${'00 '.repeat(4)}`;
  expect(new MessageScanner(limits).scan(hex(`${fields(3)} 00`))).toBe(hex(`${fields(3)} 00`).length);
  for (const message of [fields(4), list, map])
    expect(() => new MessageScanner(limits).scan(hex(message))).toThrow('more than 3 values');
  const buffer = new MessageBuffer(limits);
  for (let n = 0; n < 3; n++) {
    buffer.push(hex(`${fields(3)} 00`));
    expect(buffer.next()).toBeDefined();
  }
});
