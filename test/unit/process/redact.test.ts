import { describe, expect, test } from 'vitest';
import {
  parseRedactPatterns,
  REDACT_ALL,
  RedactError,
  redact,
  SEARCHED_MAX,
  TESTED_MAX,
} from '../../../src/process/redact.ts';
import { RedactPattern } from '../../../src/process/redact_pattern.ts';
import { detailsOf } from './kernel_model.ts';

const redacted = (patterns: string, ...args: string[]) =>
  redact(detailsOf('x', 1, { args: args.join('\0') }), parseRedactPatterns(patterns)).args.split('\0');

test('each match within an argument becomes ***', () => {
  expect(redacted('[Ss]ecret\\w*', 'mysql', '-psecret1', 'Secret2 secret3')).toEqual(['mysql', '-p***', '*** ***']);
});

test('of a match with a group only the group is redacted', () => {
  expect(redacted('["--password=(\\\\S+)", "Bearer (.*)"]', 'curl', '--password=a b', 'Bearer x y')).toEqual([
    'curl',
    '--password=*** b',
    'Bearer ***',
  ]);
});

test('of a match with several groups each is redacted, and the whole match if no group took part', () => {
  expect(redacted('user=(\\S+) pass=(?<pass>\\S+)', 'user=joe pass=x y')).toEqual(['user=*** pass=*** y']);
  expect(redacted('a=(\\S+)|token\\S+', 'a=1 tokenX b')).toEqual(['a=*** *** b']);
});

test('a secret in its own argument is found by the text before it on the command line', () => {
  expect(redacted('--password[= ](\\S+)', 'mysql', '--password', 'hunter2', '--password=x', 'db')).toEqual([
    'mysql',
    '--password',
    '***',
    '--password=***',
    'db',
  ]);
  expect(redacted('--password\\ [^ ]+', 'mysql', '--password', 'hunter2', 'db')).toEqual(['mysql', '***', '***', 'db']);
});

test('a dot does not go beyond the end of an argument, and a match in an argument does not depend on the others', () => {
  expect(redacted('password=.*', 'a', 'password=x y', 'db')).toEqual(['a', '***', 'db']);
  expect(redacted('x[^y]*(k\\d)', 'x k1', 'k2')).toEqual(['x ***', '***']);
  expect(redacted('^secret$', 'a', 'secret', 'secrets')).toEqual(['a', '***', 'secrets']);
  expect(redacted('\\bsecret\\b', 'a-secret', 'secrets')).toEqual(['a-***', 'secrets']);
});

test('a space in a range of characters stays one', () => {
  expect(redacted('x[ -~]+', 'xa b', 'é')).toEqual(['***', 'é']);
  expect(redacted('x[\\t- ]+', 'x\r\x1fy')).toEqual(['***y']);
  expect(redacted('x[[:alpha:] ]+y', 'xa', 'by', '1')).toEqual(['***', '***', '1']);
});

test('overlapping matches of several patterns are one ***', () => {
  expect(redacted('["abcd", "cdef", "f"]', '-abcdefg')).toEqual(['-***g']);
});

test('a lone expression may begin with a bracket', () => {
  expect(redacted('[Tt]oken', 'x token')).toEqual(['x ***']);
});

test('an invalid expression is an error that says so', () => {
  expect(() => parseRedactPatterns('(')).toThrow(RedactError);
  expect(() => parseRedactPatterns('["a", 5]')).toThrow('5 is not a text');
  expect(parseRedactPatterns('  ')).toEqual([]);
});

test.each(['["a", "b",]', '["a" "b"]', '{"a": "b"}', "['a']", '{}'])('%s is taken for broken JSON', (text) => {
  expect(() => parseRedactPatterns(text)).toThrow('is no JSON array');
});

test.each([
  ['(?<=Bearer )\\S+', 'lookbehind'],
  ['(?<!a)b', 'lookbehind'],
  ['x(?=@)', 'lookahead'],
  ['a(?!b)', 'lookahead'],
  ['(a)\\1', 'a backreference'],
  ['(?<n>a)\\k<n>', 'a backreference'],
])('%s is refused: the message names it and says what to do', (pattern, what) => {
  const text = JSON.stringify(['fine', pattern]);
  expect(() => parseRedactPatterns(text)).toThrow(`${JSON.stringify(pattern)}: ${what} is not supported: write`);
});

test('a pattern that only looks like a lookbehind is accepted', () => {
  expect(redacted('[(?<=]x', '=x')).toEqual(['***']);
  expect(redacted('\\(\\?<=x', '(?<=x')).toEqual(['***']);
});

test('the pattern for refused ones leaves only the number of arguments', () => {
  expect(redacted(REDACT_ALL, 'curl', '', 'a\nb', 'https://x')).toEqual(['***', '', '***', '***']);
});

test('an argument that was cut is redacted whole: a pattern may need what is missing', () => {
  const details = detailsOf('x', 1, { args: 'curl\0https://joe:hunt', argsCut: true });
  const patterns = parseRedactPatterns('://[^:/\\s]+:([^@\\s]+)@');
  expect(redact(details, patterns).args).toBe('curl\0***');
  expect(redact(details, []).args).toBe(details.args);
});

describe('bounds', () => {
  /** What a call counts as, in characters. */
  const CALL_COST = 16;
  /** Counts the characters that are handed to an expression. */
  class CountingPattern extends RedactPattern {
    tested = 0;
    searched = 0;

    override test(text: string) {
      this.tested += CALL_COST + text.length;
      return super.test(text);
    }

    override matcher(text: string) {
      const matcher = super.matcher(text);
      const find = matcher.find.bind(matcher);
      let at = 0;
      matcher.find = () => {
        this.searched += text.length - at;
        if (this.searched > 2 * SEARCHED_MAX) throw new Error('searched far beyond the bound');
        const found = find();
        if (found) at = matcher.end();
        return found;
      };
      return matcher;
    }
  }
  const work = (source: string, args: string) => {
    const pattern = new CountingPattern(source);
    const { args: left } = redact(detailsOf('x', 1, { args }), [pattern]);
    return { ...pattern, left };
  };
  const list = (argument: string, length: number) => new Array(Math.ceil(length / argument.length)).fill(argument);

  test.each([
    ['one that looks ahead to the end for each match', 'a.*b|a', 'a'.repeat(130_000)],
    ['many matches', '--password=(\\S+)', '--password=x '.repeat(10_000)],
    ['many short arguments', '\\b@', list('@', 900_000).join('\0')],
    ['1.9 MB of a secret an argument', '--password=(\\S+)', list('--password=x', 1_900_000).join('\0')],
    ['empty matches', 'x*', 'y'.repeat(130_000)],
    ['a long argument', '://[^:/\\s]+:([^@\\s]+)@', `@${'://a:'.repeat(26_000)}`],
  ])('the work is bounded, and what is not searched is redacted: %s', (_, source, args) => {
    const { tested, searched, left } = work(source, args);
    expect(searched).toBeLessThanOrEqual(SEARCHED_MAX);
    // The line, its arguments, and what is left after each match.
    expect(tested).toBeLessThanOrEqual(TESTED_MAX * 1.5 + SEARCHED_MAX * 8 + 3 * CALL_COST);
    expect(left).not.toMatch(/a{4}|y{70000}|--password=x/);
  });

  test('the time of a search is linear in the text, for any text', () => {
    const pattern = new RedactPattern('://[^:/\\s]+:([^@\\s]+)@');
    const costOf = (repeats: number) => {
      const text = `@${'://a:'.repeat(repeats)}`;
      const costs = Array.from({ length: 5 }, () => {
        const before = process.cpuUsage();
        for (let n = 0; n < 10; n++) pattern.test(text);
        const { user, system } = process.cpuUsage(before);
        return user + system;
      });
      return Math.min(...costs);
    };
    costOf(20_000);
    // Quadratic: 64.
    expect(costOf(160_000) / costOf(20_000)).toBeLessThan(24);
  });

  test('arguments up to a bound are searched, and the rest becomes one argument ***', () => {
    const harmless = list('/var/lib/file', TESTED_MAX / 2);
    expect(redacted('["secret", "token"]', ...harmless.slice(0, 4_000), 'token').slice(-2)).toEqual([
      '/var/lib/file',
      '***',
    ]);
    const long = redacted('["secret", "token"]', ...harmless, ...harmless);
    expect(long.at(-1)).toBe('***');
    expect(long.slice(0, -1).every((argument) => argument === '/var/lib/file')).toBe(true);
    expect(long.join('\0').length).toBeGreaterThan(TESTED_MAX / 2 - 20);
  });
});
