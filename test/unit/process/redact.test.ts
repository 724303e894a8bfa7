import { expect, test } from 'vitest';
import { parseRedactPatterns, RedactError, redact } from '../../../src/process/redact.ts';
import { detailsOf } from './kernel_model.ts';

const redacted = (patterns: string, ...args: string[]) =>
  redact(detailsOf('x', 1, { args: args.join('\0') }), parseRedactPatterns(patterns)).args.split('\0');

test('a match within an argument becomes ***, wherever and however often it is', () => {
  expect(redacted('[Ss]ecret\\w*', 'mysql', '-psecret1', 'Secret2 secret3')).toEqual(['mysql', '-p***', '*** ***']);
});

test('of a match with a group only the group is taken out', () => {
  expect(redacted('["--password=(\\\\S+)", "Bearer (.*)"]', 'curl', '--password=a b', 'Bearer x y')).toEqual([
    'curl',
    '--password=*** b',
    'Bearer ***',
  ]);
});

test('a lone expression may begin with a bracket', () => {
  expect(redacted('[Tt]oken', 'x token')).toEqual(['x ***']);
});

test('what is no expression is an error that says so', () => {
  expect(() => parseRedactPatterns('(')).toThrow(RedactError);
  expect(() => parseRedactPatterns('["a", 5]')).toThrow('5 is not a text');
  expect(parseRedactPatterns('  ')).toEqual([]);
});
