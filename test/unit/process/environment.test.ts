import { describe, expect, test } from 'vitest';
import { NO_DETAILS } from '../../../src/collect/event.ts';
import { textBytes } from '../../../src/memory/memory_bounds.ts';
import { namedVariables, parseEnvironmentNames } from '../../../src/process/environment.ts';
import { Image } from '../../../src/process/image.ts';
import { parseRedactPatterns, redact } from '../../../src/process/redact.ts';

describe('names of variables', () => {
  test('are separated by commas, spaces or both', () => {
    expect([...parseEnvironmentNames(' LD_PRELOAD, BASH_ENV\tX1 ')]).toEqual(['LD_PRELOAD', 'BASH_ENV', 'X1']);
    expect(parseEnvironmentNames('').size).toBe(0);
  });

  test.each(['LD-PRELOAD', '1X', 'A=B', '*', 'x'.repeat(256)])('%s is refused by name', (name) => {
    expect(() => parseEnvironmentNames(`HOME,${name}`)).toThrow(JSON.stringify(name));
  });

  test('are 64 at most', () => {
    const names = (count: number) => Array.from({ length: count }, (_, i) => `V${i}`).join();
    expect(parseEnvironmentNames(names(64)).size).toBe(64);
    expect(() => parseEnvironmentNames(names(65))).toThrow('at most 64');
  });
});

test('only the named variables are left, with all of their values', () => {
  const environment = ['LD_PRELOAD=/x.so=1', 'HOME=/root', 'LD_PRELOADED=no', 'BASH_ENV=', 'odd'].join('\0');
  expect(namedVariables(environment, new Set(['LD_PRELOAD', 'BASH_ENV']))).toBe('LD_PRELOAD=/x.so=1\0BASH_ENV=');
  expect(namedVariables(environment, new Set())).toBe('');
});

test('secrets in variables are redacted as in arguments, and arguments are left as they are', () => {
  const details = { ...NO_DETAILS, args: 'sh\0-c', environment: 'LD_PRELOAD=/x.so\0PROMPT_COMMAND=curl -u me:secret' };
  const patterns = parseRedactPatterns('-u \\S+:(\\S+)');
  expect(redact(details, patterns)).toMatchObject({
    args: 'sh\0-c',
    environment: 'LD_PRELOAD=/x.so\0PROMPT_COMMAND=curl -u me:***',
  });
  expect(redact(details, parseRedactPatterns('nothing'))).toBe(details);
});

test('is kept for the row of the exec only: images, which live long, have none', () => {
  const details = { ...NO_DETAILS, path: '/bin/sh', environment: `LD_PRELOAD=${'x'.repeat(16_000)}` };
  const image = Image.of(details);
  expect(image.details).toMatchObject({ path: '/bin/sh', environment: '' });
  expect(image.isLong).toBe(false);
  expect(textBytes(details) - textBytes(image.details)).toBe(2 * details.environment.length);
});
