/** process_ancestry_metrics_listen: accepted values, and the errors of others. */
import { expect, test } from 'vitest';
import { isLoopbackName, parseListenAddress } from '../../../src/config/listen_address.ts';
import { resolveFlags } from '../../../src/config/settings.ts';
import { checkTextfilePath } from '../../../src/config/textfile_path.ts';
import { groupIdOf } from '../../../src/metrics/group.ts';

test.each([
  ['', { kind: 'off' }],
  ['unix:/run/process_ancestry/metrics.sock', { kind: 'unix', path: '/run/process_ancestry/metrics.sock' }],
  ['/run/metrics.sock', { kind: 'unix', path: '/run/metrics.sock' }],
  ['127.0.0.1:9777', { kind: 'tcp', host: '127.0.0.1', port: 9777 }],
  ['127.8.9.10:1', { kind: 'tcp', host: '127.8.9.10', port: 1 }],
  ['[::1]:65535', { kind: 'tcp', host: '::1', port: 65_535 }],
  ['[0:0:0:0:0:0:0:1]:9777', { kind: 'tcp', host: '0:0:0:0:0:0:0:1', port: 9777 }],
  ['localhost:9777', { kind: 'tcp', host: '127.0.0.1', port: 9777 }],
])('%j is taken', (text, address) => {
  expect(parseListenAddress(text)).toEqual(address);
});

test.each([
  [
    '0.0.0.0:9777',
    '0.0.0.0 is not a loopback address: metrics are not served to other hosts, because they have no password',
  ],
  ['[::]:9777', ':: is not a loopback address'],
  ['10.1.2.3:9777', '10.1.2.3 is not a loopback address'],
  ['[::ffff:10.1.2.3]:9777', 'is not a loopback address'],
  ['[fe80::1]:9777', 'is not a loopback address'],
  ['localhost.example.org:9777', 'not unix:/PATH, an absolute path, or a loopback address and port'],
  [':9777', 'not unix:/PATH'],
  ['9777', 'not unix:/PATH'],
  ['127.0.0.1', 'not unix:/PATH'],
  ['::1:9777', 'not unix:/PATH'],
  ['127.0.0.1:0', 'a port is a number from 1 to 65535'],
  ['127.0.0.1:65536', 'a port is a number from 1 to 65535'],
  ['127.0.0.1:x', 'not unix:/PATH'],
  ['unix:relative.sock', 'not unix:/PATH'],
  ['unix:', 'not unix:/PATH'],
  ['/run/', 'not the path of a socket'],
  [`/${'x'.repeat(107)}`, 'the path of a socket has at most 107 bytes'],
])('%j is refused', (text, why) => {
  expect(() => parseListenAddress(text)).toThrow(why);
});

test('an error names the flag of a bad value, and the running value stays', () => {
  const sources = { environment: {}, osqueryOptions: new Map(), file: undefined };
  const { values, errors } = resolveFlags({
    ...sources,
    commandLine: new Map([['process_ancestry_metrics_listen', '0.0.0.0:1']] as const),
  });
  expect(values.process_ancestry_metrics_listen).toBe('');
  expect(errors.map(({ message }) => message)).toEqual([
    expect.stringMatching(/^command line: process_ancestry_metrics_listen="0.0.0.0:1": 0.0.0.0 is not a loopback/),
  ]);
});

test.each([
  ['127.0.0.1:9777', true],
  ['localhost', true],
  ['[::1]:9777', true],
  ['evil.example.org:9777', false],
  ['127.0.0.1.example.org', false],
  ['', false],
])('a client that calls it %j: %j', (header, allowed) => {
  expect(isLoopbackName(header)).toBe(allowed);
});

test.each([
  ['/var/lib/node/process_ancestry.prom', undefined],
  ['', undefined],
  ['process_ancestry.prom', 'not an absolute path'],
  ['/var/lib/node/process_ancestry.txt', 'only files that end in .prom'],
  ['/var/lib/node/.prom/', 'only files that end in .prom'],
  ['/var/lib/node/.prom', 'only files that end in .prom'],
])('the textfile %j', (path, why) => {
  if (why === undefined) expect(() => checkTextfilePath(path)).not.toThrow();
  else expect(() => checkTextfilePath(path)).toThrow(why);
});

test('a group is known by name or number', () => {
  expect(groupIdOf('root')).toBe(0);
  expect(groupIdOf('4711')).toBe(4711);
  expect(() => groupIdOf('no-such-group')).toThrow('there is no group "no-such-group" in /etc/group');
});
