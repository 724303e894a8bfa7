import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Glob, GlobError } from '../../../src/process/glob.ts';

const statement = new DatabaseSync(':memory:').prepare('SELECT ? GLOB ? AS matches');
const inSqlite = (text: string, pattern: string) => statement.get(text, pattern)?.matches === 1;

/** Few characters, so that texts and patterns meet. */
const character = fc.constantFrom('a', 'b', 'c', '-', ']', '^', '/', 'é', '😀', '…', ' ');
const piece = fc.oneof(
  character,
  fc.constantFrom('*', '*', '?', '[ab]', '[^ab]', '[a-c]', '[c-a]', '[]a]', '[^]a]', '[-a]', '[a-]', '[a-b-c]', '[^]'),
);
const text = fc.array(character, { minLength: 1, maxLength: 12 }).map((all) => all.join(''));
const whole = text.filter((text) => !text.endsWith('…'));

function isCompiled(pattern: string): boolean {
  try {
    return Boolean(new Glob(pattern));
  } catch {
    return false;
  }
}

describe('a pattern', () => {
  test('matches what SQLite matches', () => {
    const pattern = fc.array(piece, { maxLength: 8 }).map((all) => all.join(''));
    fc.assert(
      fc.property(pattern, fc.array(whole, { minLength: 1, maxLength: 8 }), (pattern, texts) => {
        let glob: Glob;
        try {
          glob = new Glob(pattern);
        } catch (error) {
          expect(error).toBeInstanceOf(GlobError);
          for (const text of texts) expect(inSqlite(text, pattern)).toBe(false);
          return;
        }
        for (const text of texts) expect([text, glob.matches(text)]).toEqual([text, inSqlite(text, pattern)]);
      }),
      { numRuns: 5000 },
    );
  });

  test('with classes finds its match beside a character of two code units', () => {
    for (const pattern of ['*[^x][^a][ab]a', '*[^x][^a][ab]a*', '?😀[a]a', 'a?aa'])
      expect([pattern, new Glob(pattern).matches('a😀aa')]).toEqual([pattern, true]);
    expect(new Glob('*??a').matches('😀a')).toBe(false);
  });

  test('of a text that was cut matches only if it matches with any rest', () => {
    const pattern = fc.array(piece, { maxLength: 6 }).map((all) => all.join(''));
    fc.assert(
      fc.property(pattern, whole, text, (pattern, text, rest) => {
        fc.pre(!/\[/.test(pattern));
        if (new Glob(pattern).matches(`${text}…`)) expect(inSqlite(text + rest, pattern)).toBe(true);
      }),
      { numRuns: 3000 },
    );
    expect(new Glob('java -cp *').matches('java -cp a:b…')).toBe(true);
    expect(new Glob('*-cp*').matches('java -cp a:b…')).toBe(true);
    expect(new Glob('java -cp a:b').matches('java -cp a:b…')).toBe(false);
    expect(new Glob('*b').matches('java -cp a:b…')).toBe(false);
    expect(new Glob('*…').matches('java -cp a:b…')).toBe(false);
  });

  test('that does not see spaces matches arguments with any character between them', () => {
    const pattern = fc.array(fc.oneof(piece, fc.constantFrom('[ a]', '[^ ]', '[\u001f-!]')), { maxLength: 8 });
    fc.assert(
      fc.property(pattern, fc.array(whole, { minLength: 1, maxLength: 4 }), (pieces, args) => {
        fc.pre(isCompiled(pieces.join('')));
        const glob = new Glob(pieces.join(''));
        const [text, cmdline] = [args.join('\0'), args.join(' ')];
        const found = glob.mayMatch(text) && glob.matches(glob.seesSpaces ? cmdline : text);
        expect(found).toBe(inSqlite(cmdline, glob.pattern));
      }),
      { numRuns: 3000 },
    );
    expect(['a[\u001f-!]b', 'a b', 'a?b'].map((one) => new Glob(one).seesSpaces)).toEqual([true, true, false]);
  });

  test('does not match what is not known', () => {
    expect(new Glob('*').matches('')).toBe(false);
  });

  test('with a class that has no end is an error that shows the pattern', () => {
    for (const pattern of ['[', '/srv/[a-z', 'a[]', '[^]', 'a[^'])
      expect(() => new Glob(pattern)).toThrow(`${JSON.stringify(pattern)}: [ has no ]`);
  });

  test('with a long part of ? and classes between two * finds what SQLite finds', () => {
    const part = fc
      .array(fc.constantFrom('?', 'a', 'b', '[ab]', '[^a]', '[é-ü]'), { minLength: 25, maxLength: 32 })
      .map((all) => all.join(''));
    const letters = fc.array(fc.constantFrom('a', 'b', 'é', '😀'), { minLength: 25, maxLength: 70 });
    fc.assert(
      fc.property(part, letters, (part, letters) => {
        const [pattern, text] = [`*${part}*`, letters.join('')];
        expect([text, new Glob(pattern).matches(text)]).toEqual([text, inSqlite(text, pattern)]);
        const matching = `aé😀${part.replaceAll('?', '😀').replaceAll('[ab]', 'b').replaceAll('[^a]', 'é').replaceAll('[é-ü]', 'ë')}`;
        expect(new Glob(`${pattern}😀`).matches(`${matching}${text}😀`)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test('with a part of ? or classes that takes long to find is an error that names the part', () => {
    for (const part of ['?'.repeat(33), `${'a'.repeat(32)}[b]`])
      expect(() => new Glob(`a*${part}*`)).toThrow(`"${part}" is between two * and has ? or [: 32 characters at most`);
    for (const part of ['?'.repeat(40), `${'a'.repeat(40)}[b]`]) {
      expect(new Glob(`${part}*c`).matches(`${'a'.repeat(40)}bbc`)).toBe(true);
      expect(new Glob(`*${part}`).matches(`c${'a'.repeat(40)}b`)).toBe(true);
    }
    expect(new Glob(`*${'a'.repeat(1000)}*`).matches(`b${'a'.repeat(1000)}`)).toBe(true);
  });

  test('with many * takes linear time', () => {
    const glob = new Glob(`${'*a'.repeat(50)}*b`);
    expect(glob.matches('a'.repeat(1_000_000))).toBe(false);
    expect(glob.matches(`${'a'.repeat(1_000_000)}b`)).toBe(true);
  });
});
