import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseJsonInPieces } from '../../../src/osquery/json_in_pieces.ts';
import { runToEnd } from '../../../src/osquery/pieces.ts';

const LIMITS = { maxDepth: 100, maxString: 1_000_000, longString: 'too long' };
const parse = (text: string, limits: Partial<typeof LIMITS> = {}) =>
  runToEnd(parseJsonInPieces(text, { ...LIMITS, ...limits }));

test('gives what JSON.parse gives, for any JSON in any layout', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 6 }), fc.constantFrom('', ' ', '\t', '\n  '), (value, layout) => {
      const text = JSON.stringify(value, null, layout);
      expect(parse(text)).toEqual(JSON.parse(text));
    }),
    { numRuns: 500 },
  );
});

test('refuses what JSON.parse refuses', () => {
  const characters = fc.constantFrom(...'{}[]",:\\ue1.-+0atrfn '.split(''));
  fc.assert(
    fc.property(fc.array(characters, { maxLength: 12 }), (list) => {
      const text = list.join('');
      let expected: unknown;
      try {
        expected = JSON.parse(text);
      } catch {
        expect(() => parse(text)).toThrow(SyntaxError);
        return;
      }
      expect(parse(text)).toEqual(expected);
    }),
    { numRuns: 5000 },
  );
});

test.each(['{"a":1,}', '[1,]', '[1 2]', '{"a" 1}', '"\\x"', '01', '{"a":"}', '', '{"a":1}}', 'nul'])(
  '%j is refused',
  (text) => {
    expect(() => parse(text)).toThrow(SyntaxError);
  },
);

describe('bounds', () => {
  test('JSON that is nested too deep is refused before it is read', () => {
    expect(parse('[[{"a":1}]]', { maxDepth: 3 })).toEqual([[{ a: 1 }]]);
    expect(() => parse('[[[{"a":1}]]]', { maxDepth: 3 })).toThrow(RangeError);
    expect(() => parse('['.repeat(1_000_000))).toThrow('nested deeper than 100');
  });

  test('a string that is too long is replaced', () => {
    const limits = { maxString: 6000 };
    expect(parse(JSON.stringify(['x'.repeat(6000), 'y'.repeat(6001), 'z']), limits)).toEqual([
      'x'.repeat(6000),
      'too long',
      'z',
    ]);
  });

  test.each([
    ['objects', JSON.stringify({ list: Array.from({ length: 100_000 }, (_, i) => ({ op: 2, expr: String(i) })) })],
    ['objects that are not flat', JSON.stringify(Array.from({ length: 100_000 }, (_, i) => ({ a: [i] })))],
    ['numbers', JSON.stringify(Array.from({ length: 100_000 }, (_, i) => i))],
    ['strings', JSON.stringify(Array.from({ length: 100_000 }, (_, i) => String(i)))],
    ['quotes in a string', JSON.stringify('"'.repeat(100_000))],
  ])('a pause comes after some thousand %s', (_, text) => {
    let pauses = 0;
    for (const _pause of parseJsonInPieces(text, LIMITS)) pauses += 1;
    expect(pauses).toBeGreaterThanOrEqual(100_000 / 2500);
  });
});
