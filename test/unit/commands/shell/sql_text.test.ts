import { expect, test } from 'vitest';
import { allStatements, splitStatements, tokenize } from '../../../../src/commands/shell/sql_text.ts';
import { growthOverTen, LINEAR } from '../../cpu_time.ts';

test('statements are split at semicolons', () => {
  expect(splitStatements('SELECT 1; SELECT 2 ;\n SELECT 3')).toEqual({
    complete: ['SELECT 1', 'SELECT 2'],
    rest: '\n SELECT 3',
    restIsBlank: false,
  });
});

test.each([
  ['a quote in a string that is doubled', "SELECT 'it''s; here'; x"],
  ['double quotes', 'SELECT ";" ; x'],
  ['brackets', 'SELECT [;] ; x'],
  ['backquotes', 'SELECT `;` ; x'],
  ['a comment to the end of the line', "SELECT 1 -- it's; a comment\n; x"],
  ['a block comment', "SELECT 1 /* ; ' \n ; */ ; x"],
])('a semicolon inside of %s splits nothing', (_, sql) => {
  const { complete, rest } = splitStatements(sql);
  expect(complete).toEqual([sql.slice(0, sql.lastIndexOf(';')).trim()]);
  expect(rest).toBe(' x');
});

test.each(["SELECT 'a; b;", 'SELECT "a;', 'SELECT 1 /* ;', 'SELECT [a;', "SELECT 'a''; b;"])(
  'a statement whose quote or comment is open is not complete: %s',
  (sql) => {
    expect(splitStatements(sql)).toEqual({ complete: [], rest: sql, restIsBlank: false });
  },
);

test('space and comments alone are no statement', () => {
  expect(splitStatements(' ; -- nothing\n;; /* here */ ')).toEqual({
    complete: [],
    rest: ' /* here */ ',
    restIsBlank: true,
  });
  expect(splitStatements('/* not over').restIsBlank).toBe(false);
});

test('the last of all statements needs no semicolon', () => {
  expect(allStatements('SELECT 1; SELECT 2')).toEqual(['SELECT 1', 'SELECT 2']);
  expect(allStatements('SELECT 1;\n-- done\n')).toEqual(['SELECT 1']);
});

test('tokens are what SQLite reads', () => {
  const { tokens } = tokenize(`a."b ""c""">=-1.5e3||x'00ff' 'it''s' 🌲ü 0x1F`);
  expect(tokens.map(({ kind, text }) => [kind, text])).toEqual([
    ['word', 'a'],
    ['sign', '.'],
    ['quoted name', 'b "c"'],
    ['sign', '>='],
    ['sign', '-'],
    ['number', '1.5e3'],
    ['sign', '||'],
    ['blob', "x'00ff'"],
    ['string', "it's"],
    ['word', '🌲ü'],
    ['number', '0x1F'],
  ]);
});

test('long text is read in linear time', () => {
  const read = (size: number) => void tokenize(`SELECT '${'x;'.repeat(2 * size)}', ${'a + '.repeat(size)} 1`);
  expect(growthOverTen(read, 10_000)).toBeLessThan(LINEAR);
});
