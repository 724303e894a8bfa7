import { describe, expect, test } from 'vitest';
import { escapeTerminal, formatResult, width } from '../../../../src/commands/shell/output_format.ts';
import type { QueryResult } from '../../../../src/commands/shell/sql_engine.ts';

function result(names: string[], ...rows: (string | null)[][]): QueryResult {
  return { columns: names.map((name) => ({ name, type: 'TEXT' })), rows };
}

const hostile = 'a\x1b[2J\x07\nb\r\t\x7f\x9b31m\u202e\u2028';

describe('pretty', () => {
  test('is the table that osqueryi draws', () => {
    expect(
      formatResult(result(['pid', 'path'], ['1', '/sbin/init'], ['23456', null]), 'pretty', { columns: undefined }),
    ).toBe(
      [
        '+-------+------------+',
        '| pid   | path       |',
        '+-------+------------+',
        '| 1     | /sbin/init |',
        '| 23456 |            |',
        '+-------+------------+',
        '',
      ].join('\n'),
    );
  });

  test('keeps its borders straight beside wide and combining characters', () => {
    const text = formatResult(result(['c'], ['🌲'], ['日本'], ['e\u0301'], ['👩‍👩‍👧'], ['abc']), 'pretty', {
      columns: undefined,
    });
    expect(text.split('\n').filter(Boolean).map(width)).toEqual(Array(9).fill(8));
  });

  test('truncates nothing', () => {
    expect(formatResult(result(['c'], ['x'.repeat(5000)]), 'pretty', { columns: undefined })).toContain(
      'x'.repeat(5000),
    );
  });

  test('of no rows is nothing', () => {
    expect(formatResult(result(['c']), 'pretty', { columns: undefined })).toBe('');
  });

  test('has one line per row, for any value', () => {
    expect(formatResult(result(['c\n'], [hostile]), 'pretty', { columns: undefined }).split('\n')).toHaveLength(6);
  });
});

describe('auto', () => {
  const wide = result(['pid', 'cmdline'], ['1', 'x'.repeat(20)], ['2', 'y']);
  const width = '| 1   | xxxxxxxxxxxxxxxxxxxx |'.length;

  test.each([
    ['a terminal that is wide enough', { columns: width }, 'pretty'],
    ['a terminal that is too narrow', { columns: width - 1 }, 'line'],
    ['a terminal of unknown width', { columns: undefined }, 'pretty'],
    ['a file', undefined, 'pretty'],
  ] as const)('for %s is %s: %s', (_, terminal, mode) => {
    expect(formatResult(wide, 'auto', terminal)).toBe(formatResult(wide, mode, terminal));
  });

  test('pretty keeps its columns on a terminal of any width', () => {
    expect(formatResult(wide, 'pretty', { columns: 10 })).toMatch(/^\+-----\+/);
  });
});

test('line has right-aligned names and an empty line between rows', () => {
  expect(formatResult(result(['pid', 'cmdline'], ['1', 'a\nb'], ['2', null]), 'line', undefined)).toBe(
    '    pid = 1\ncmdline = a\\nb\n\n    pid = 2\ncmdline = \n',
  );
});

describe('json', () => {
  test('has only strings, in the order of the columns', () => {
    const text = formatResult(result(['b', '1', '__proto__'], ['x', '2', null]), 'json', undefined);
    expect(text).toBe('[\n  {"b":"x","1":"2","__proto__":""}\n]\n');
  });

  test('has the last of two columns with the same name', () => {
    expect(JSON.parse(formatResult(result(['a', 'a'], ['1', '2']), 'json', undefined))).toEqual([{ a: '2' }]);
  });

  test('reads back as it was, and holds no control characters', () => {
    const text = formatResult(result(['c'], [hostile]), 'json', { columns: undefined });
    expect(JSON.parse(text)).toEqual([{ c: hostile }]);
    expect(text.replaceAll('\n', '')).toMatch(/^[\x20-\x7e]*$/);
  });

  test('of no rows is an empty array', () => {
    expect(JSON.parse(formatResult(result(['c']), 'json', undefined))).toEqual([]);
  });
});

describe('csv', () => {
  test('quotes what needs it', () => {
    expect(formatResult(result(['a', 'b'], ['x,y', 'say "hi"'], ['two\nlines', null]), 'csv', undefined)).toBe(
      'a,b\n"x,y","say ""hi"""\n"two\nlines",\n',
    );
  });

  test('keeps every byte for a file, and escapes for a terminal', () => {
    expect(formatResult(result(['a'], ['\x1b[2J']), 'csv', undefined)).toBe('a\n\x1b[2J\n');
    expect(formatResult(result(['a'], ['\x1b[2J\n']), 'csv', { columns: undefined })).toBe('a\n\\x1b[2J\\n\n');
  });
});

test('control characters are shown, not sent', () => {
  expect(escapeTerminal(hostile)).toBe('a\\x1b[2J\\x07\\nb\\r\\t\\x7f\\x9b31m\\u202e\\u2028');
  expect(escapeTerminal('plain ü 🌲 👩‍👩‍👧')).toBe('plain ü 🌲 👩‍👩‍👧');
});

test.each([
  ['abc', 3],
  ['ü', 1],
  ['日本', 4],
  ['한글', 4],
  ['Ａ', 2],
  ['🌲', 2],
  ['❤️', 2],
  ['e\u0301', 1],
  ['', 0],
])('%s takes %i columns', (text, columns) => {
  expect(width(text)).toBe(columns);
});
