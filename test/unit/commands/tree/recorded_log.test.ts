/** Recorded logs in the forms of other hosts, converters and daemons, replayed as a whole. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import pino from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadNative } from '../../../../src/collect/native.ts';
import { ReplaySource, SAMPLE_LOG, whyUnreadable } from '../../../../src/collect/replay.ts';
import { RecordedLog } from '../../../../src/commands/tree/recorded_log.ts';
import type { Row } from '../../../../src/commands/tree/rows.ts';
import { resolveFlags } from '../../../../src/config/settings.ts';

const logs = new URL('../../../fixtures/recorded-logs/', import.meta.url).pathname;
let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'recorded-logs-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const written = (name: string, content: string | Buffer) => {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
};
const fixture = (name: string) => readFileSync(join(logs, name), 'utf8');

const EVENT_COLUMNS = [
  'pid',
  'path',
  'args',
  'cwd',
  'ancestry',
  'ancestry_complete',
  'entity_id',
  'ecs',
  'pgid',
  'entry_type',
];

async function replayed(
  file: string,
  flags: object = {},
): Promise<{ events: readonly Row[]; processes: readonly Row[] }> {
  const sources = { commandLine: new Map(), environment: {}, osqueryOptions: new Map(), file: flags };
  const { values } = resolveFlags(sources);
  const log = await RecordedLog.read(file, values, pino({ enabled: false }));
  const events = await log.tables.read('process_ancestry_events', EVENT_COLUMNS);
  const processes = await log.tables.read('process_ancestry_tree', ['pid', 'path', 'state', 'parent_entity_id']);
  log.close();
  return { events, processes };
}

/** The program's messages about a log. */
async function problemsOf(file: string): Promise<readonly { code: string; message: string }[]> {
  const { promise, resolve } = Promise.withResolvers<unknown>();
  const source = new ReplaySource(loadNative(), { file, argsMaxBytes: 1 << 20 }, resolve);
  await source.start(() => undefined);
  expect(await promise).toBeUndefined();
  return source.problems;
}

/** The lines of each event of RAW joined to one, without the text that `begins` each record after the first. */
function joinedLines(begins: RegExp): string {
  const events = RAW.trimEnd().split(/\n(?=type=SYSCALL)/);
  const one = (event: string) => {
    const [first = '', ...rest] = event.split('\n');
    return [first, ...rest.map((line) => ` ${line}`.replaceAll(begins, '').trim())].join(' ');
  };
  return `${events.map(one).join('\n')}\n`;
}

/** An archive of one log, as GNU tar makes it. */
function tarOf(log: string): Buffer {
  writeFileSync(join(directory, 'audit.log'), log);
  return execFileSync('tar', ['-C', directory, '-cf', '-', 'audit.log']);
}

const argsOf = (row: Row | undefined): string[] => JSON.parse(row?.args || '[]');
const chainOf = (row: Row | undefined): string[] =>
  (JSON.parse(row?.ancestry || '[]') as { exe_name: string; pid: number }[]).map(
    ({ exe_name, pid }) => `${exe_name} ${pid}`,
  );
const named = (rows: readonly Row[], ...args: string[]) => {
  const found = rows.filter((row) => argsOf(row).join(' ') === args.join(' '));
  expect(found).toHaveLength(1);
  return found[0];
};
const hostOf = (row: Row | undefined) => JSON.parse(row?.ecs ?? '').host;

/** The raw log from which a text in another form was made. */
const RAW = fixture('quoted_success.log').replaceAll('success="yes"', 'success=yes');
const summary = async (file: string) =>
  (await replayed(file)).events.map((row) => [
    row.pid,
    row.path,
    row.args,
    row.cwd,
    chainOf(row),
    row.ancestry_complete,
  ]);

test('a log is drawn completely, also what the host ignores', async () => {
  const { events } = await replayed(SAMPLE_LOG, { process_ancestry_ignore: [{ path: '*' }] });
  expect(events).toHaveLength((await replayed(SAMPLE_LOG)).events.length);
  expect(events.length).toBeGreaterThan(0);
});

describe('a log of any writer is read', () => {
  test('with quoted text', async () => {
    const raw = await summary(written('raw.log', RAW));
    expect(raw).toHaveLength(4);
    expect(await summary(join(logs, 'quoted_success.log'))).toEqual(raw);
    const { events } = await replayed(join(logs, 'quoted_success.log'));
    expect(argsOf(named(events, 'useradd', '-u', '3005', '-m', 'deadbeef'))).toEqual([
      ...['useradd', '-u', '3005', '-m', 'deadbeef'],
    ]);
  });

  test.each([
    ['unescaped', 'a2="echo "hi" there"'],
    ['escaped', String.raw`a2="echo \"hi\" there"`],
    ['in single ones', `a2='echo "hi" there'`],
  ])('with quotes in quoted text, %s', async (_, text) => {
    const log = RAW.replace(/argc=1 a0="-bash"/, `argc=4 a0="sh" a1="-c" ${text} a3="x"`);
    expect(log).not.toBe(RAW);
    named((await replayed(written('quotes.log', log))).events, 'sh', '-c', 'echo "hi" there', 'x');
  });

  test.each([
    ['a quoted type', (log: string) => log.replaceAll(/type=(\w+)/g, 'type="$1"')],
    ['a quoted id', (log: string) => log.replaceAll(/msg=(audit\(\S+\)):/g, 'msg="$1":')],
    ['an empty node', (log: string) => log.replaceAll(/^/gm, "node='' ")],
    ['two spaces between fields', (log: string) => log.replaceAll(/ (msg=|\w+=)/g, '  $1')],
    ['tabs between fields', (log: string) => log.replaceAll(/ (msg=|\w+=)/g, '\t$1')],
  ])('with %s', async (_, convert) => {
    const converted = written('converted.log', convert(RAW.trimEnd()));
    expect(await summary(converted)).toEqual(await summary(written('raw.log', RAW)));
    for (const row of (await replayed(converted)).events) expect(hostOf(row)).toEqual({ os: { type: 'linux' } });
  });

  test.each([
    [
      'with every number in quotes',
      (text: string) => text.replaceAll(/ (pid|ppid|uid|syscall|arch|exit|item|argc|items)=(\S+)/g, ' $1="$2"'),
    ],
    ['with quotes of the other kind', (text: string) => text.replaceAll('success=yes', "success='yes'")],
    ['with CRLF', (text: string) => text.replaceAll('\n', '\r\n')],
    ['after a byte order mark', (text: string) => `\ufeff${text}`],
    ['with types in lower case', (text: string) => text.replaceAll(/type=\w+/g, (type) => type.toLowerCase())],
    ["with syslog's prefix", (text: string) => text.replaceAll(/^type/gm, 'Nov  5 10:00:00 web1 audispd: type')],
    [
      'with a prefix of RFC 5424',
      (text: string) => text.replaceAll(/^type/gm, '<13>1 2026-11-05T10:00:00.1Z web1 audispd 7 - - type'),
    ],
    [
      'between lines of others',
      (text: string) => text.replaceAll(/^type/gm, 'Nov  5 10:00:00 web1 sshd[7]: hello\ntype'),
    ],
    ['without PROCTITLE and EOE', (text: string) => text.replaceAll(/^type=(PROCTITLE|EOE) .*\n/gm, '')],
    [
      'as ausearch shows it',
      (text: string) => text.replaceAll(/^type=SYSCALL/gm, '----\ntime->Mon Sep 21 14:13:20 2026\ntype=SYSCALL'),
    ],
  ])('%s', async (name, change) => {
    expect(await summary(written(`${name.replaceAll(' ', '_')}.log`, change(RAW)))).toEqual(
      await summary(written('raw.log', RAW)),
    );
  });

  test('in several gzip members', async () => {
    const half = RAW.lastIndexOf('\n', RAW.length / 2) + 1;
    const members = Buffer.concat([gzipSync(RAW.slice(0, half)), gzipSync(RAW.slice(half))]);
    expect(await summary(written('members.gz', members))).toEqual(await summary(written('raw.log', RAW)));
  });

  test.each(['syslog_prefix.log', 'kernel_printk.log'])('%s', async (name) => {
    const { events } = await replayed(join(logs, name));
    expect(chainOf(named(events, 'id')).slice(0, 2)).toEqual(['bash 5000', 'sshd 812']);
    expect(hostOf(events[0]).name).toBe(name.startsWith('syslog') ? 'web1' : 'host7');
  });
});

describe('the content of a log', () => {
  test('empty arguments that the writer dropped are there', async () => {
    const { events } = await replayed(join(logs, 'empty_arguments_dropped.log'));
    expect(argsOf(events.find(({ path }) => path === '/usr/bin/ls'))).toEqual(['ls', '', '/etc', '']);
  });

  test('two hosts in one log have two trees', async () => {
    const { events, processes } = await replayed(join(logs, 'two_hosts_one_log.log'));
    const curl = events.find(({ path }) => path === '/usr/bin/curl');
    expect(chainOf(curl).slice(0, 2)).toEqual(['bash 5000', 'sshd 812']);
    const first = events.filter(({ pid }) => pid === '812');
    expect(first.map(({ path }) => path)).toEqual(['/usr/sbin/sshd', '/usr/sbin/cron']);
    expect(new Set(first.map(({ entity_id }) => entity_id)).size).toBe(2);
    expect(first.map((row) => hostOf(row).name)).toEqual(['web1', 'db1']);
    expect(processes.filter(({ pid }) => pid === '812').map(({ path }) => path)).toEqual([
      '/usr/sbin/sshd',
      '/usr/sbin/cron',
    ]);
  });

  test.each([
    ['journalctl -o short-full', 'Sun 2026-11-29 10:00:00 CET HOST audispd[1]: ', true],
    ['journalctl -o short-unix', '1790000000.123456 HOST audispd[1]: ', true],
    ['journalctl -o short-monotonic', '[    5.123456] HOST audispd[1]: ', true],
    ['a date with its year', 'Nov 29 2026 10:00:00 HOST audispd: ', true],
    ['the host before the date', 'HOST Nov 29 10:00:00 audispd: ', true],
    ['the host alone', 'HOST: ', true],
    ['a collector that names it', 'host=HOST ', true],
    ['grep in a folder for each host', 'HOST/audit.log:', true],
    ['an address', 'Nov 29 10:00:00 10.0.0.1-HOST audispd: ', true],
    ['a relay', 'Nov 29 10:00:00 loghost HOST audispd: ', false],
    ['a chain of relays', 'Nov 29 10:00:00 loghost/HOST audispd: ', false],
    ['an unknown form', 'from HOST, line 7 of it ', false],
  ])('two hosts of one log are two trees by the prefix of %s', async (_, prefix, isNameKnown) => {
    const log = fixture('two_hosts_one_log.log').replaceAll(/^node=(\S+) /gm, (_line, host) =>
      prefix.replace('HOST', host),
    );
    const file = written('two_hosts_by_prefix.log', log);
    const { events } = await replayed(file);
    const byName = await replayed(join(logs, 'two_hosts_one_log.log'));
    expect(events.map((row) => [row.pid, row.path, row.args, chainOf(row)])).toEqual(
      byName.events.map((row) => [row.pid, row.path, row.args, chainOf(row)]),
    );
    const first = events.filter(({ pid }) => pid === '812');
    expect(new Set(first.map(({ entity_id }) => entity_id)).size).toBe(2);
    const names = first.map((row) => hostOf(row).name);
    if (isNameKnown) for (const [i, host] of ['web1', 'db1'].entries()) expect(names[i]).toContain(host);
    else expect(names).toEqual([undefined, undefined]);
    const codes = (await problemsOf(file)).map(({ code }) => code);
    expect(codes).toEqual(isNameKnown ? [] : ['replay_host_unclear']);
  });

  test('a daemon of a login is not taken for a service of init, in a log without forks', async () => {
    const exec = (serial: number, pid: number, ids: string, name: string) =>
      [
        `type=SYSCALL msg=audit(1790000000.0${serial}:${serial}): arch=c000003e syscall=59 success=yes exit=0 ppid=1 pid=${pid} ${ids} tty=(none) comm="${name}" exe="/usr/bin/${name}"`,
        `type=EXECVE msg=audit(1790000000.0${serial}:${serial}): argc=1 a0="${name}"`,
        `type=PROCTITLE msg=audit(1790000000.0${serial}:${serial}): proctitle="${name}"\n`,
      ].join('\n');
    const service = exec(11, 700, 'auid=4294967295 uid=0 euid=0 ses=4294967295', 'cron');
    const daemon = exec(12, 5001, 'auid=1000 uid=1000 euid=1000 ses=3', 'sleep');
    const { events } = await replayed(written('adopted.log', service + daemon));
    expect(events.map(({ pid, entry_type }) => [pid, entry_type])).toEqual([
      ['700', 'init'],
      ['5001', 'unknown'],
    ]);
  });

  test('lines without a host among lines with one are reported', async () => {
    const log = fixture('two_hosts_one_log.log').replaceAll(/^node=db1 /gm, '');
    expect(await problemsOf(written('one_named.log', log))).toMatchObject([{ code: 'replay_host_unknown' }]);
  });

  test('events of one process that were written in another order are in the order of their times', async () => {
    const ids = 'auid=1000 uid=1000 gid=1000 euid=1000 tty=pts0 ses=3';
    const event = (ms: number, [call, result, more]: [number, number, string], name: string) =>
      [
        `type=SYSCALL msg=audit(1790000000.0${ms}:${ms}): arch=c000003e syscall=${call} success=yes exit=${result} a0=1200011 a1=0 ${more} ${ids} comm="${name}" exe="/usr/bin/${name}"`,
        ...(call === 59 ? [`type=EXECVE msg=audit(1790000000.0${ms}:${ms}): argc=1 a0="${name}"`] : []),
        `type=PROCTITLE msg=audit(1790000000.0${ms}:${ms}): proctitle="${name}"\n`,
      ].join('\n');
    const shell = event(20, [59, 0, 'ppid=1 pid=5000'], 'bash');
    const [fork, exec, clone, last] = [
      event(30, [56, 5001, 'ppid=1 pid=5000'], 'bash'),
      event(31, [59, 0, 'ppid=5000 pid=5001'], 'make'),
      event(32, [56, 5002, 'ppid=5000 pid=5001'], 'make'),
      event(33, [59, 0, 'ppid=5001 pid=5002'], 'gcc'),
    ];
    const orders = [
      [fork, exec, clone, last],
      [fork, clone, exec, last],
      [last, clone, exec, fork],
      [clone, last, fork, exec],
    ];
    for (const order of orders) {
      const { events } = await replayed(written('swapped.log', shell + order.join('')));
      expect(chainOf(named(events, 'gcc')).slice(0, 2), order.join('')).toEqual(['make 5001', 'bash 5000']);
    }
  });

  test('clones in reverse order leave no ancestor without a name', async () => {
    const inReverse = fixture('clones_in_reverse.log');
    const events = inReverse.split(/(?<=^type=PROCTITLE .*\n)/m);
    const serial = (event: string) => Number(/:(\d+)\)/.exec(event)?.[1]);
    const time = (event: string) => Number(/audit\(([\d.]+)/.exec(event)?.[1]);
    expect(events.map(serial)).not.toEqual(events.toSorted((a, b) => time(a) - time(b)).map(serial));
    const inOrder = written('in_order.log', events.toSorted((a, b) => time(a) - time(b)).join(''));
    const reversed = named((await replayed(join(logs, 'clones_in_reverse.log'))).events, 'id');
    expect(chainOf(reversed)).toEqual(chainOf(named((await replayed(inOrder)).events, 'id')));
    expect(chainOf(reversed).slice(0, 4)).toEqual(['bash 5002', 'bash 5001', 'bash 5000', 'sshd 812']);
  });

  test('a process without a record of its end has an unknown state', async () => {
    const { processes } = await replayed(join(logs, 'two_hosts_one_log.log'));
    expect(processes.length).toBeGreaterThan(4);
    expect(processes.filter(({ state }) => state !== undefined)).toEqual([]);
  });

  test('documents have nothing of the host that reads the log', async () => {
    const { events } = await replayed(SAMPLE_LOG);
    for (const row of events) {
      const { host, process } = JSON.parse(row.ecs ?? '');
      expect(host).toEqual({ os: { type: 'linux' } });
      expect(JSON.stringify(process)).not.toContain('"name":"root"');
      expect(process.user?.name).toBeUndefined();
    }
  });

  test('an ENRICHED log names its users and groups, and no other does', async () => {
    const enriched = RAW.replaceAll(
      /^(type=SYSCALL .* uid=1000 .*)$/gm,
      '$1\x1dARCH=x86_64 SYSCALL=execve AUID="alice" UID="alice" GID="staff" EUID="alice"',
    );
    const userOf = (row: Row | undefined) => JSON.parse(row?.ecs ?? '').process;
    const named = (await replayed(written('enriched.log', enriched))).events.at(-1);
    expect(userOf(named).user).toMatchObject({ id: '1000', name: 'alice' });
    expect(userOf(named).group).toMatchObject({ id: '1000', name: 'staff' });
    const plain = (await replayed(written('plain.log', RAW))).events.at(-1);
    expect(userOf(plain).user).toEqual({ id: '1000' });
  });
});

describe('numbers of another pid namespace (R9)', () => {
  test("a container child's number does not change the host's process of that number", async () => {
    const { events } = await replayed(join(logs, 'clone_in_pid_namespace.log'));
    const id = named(events, 'id');
    expect(chainOf(id).slice(0, 2)).toEqual(['bash 5100', 'sshd 812']);
    expect(JSON.stringify(chainOf(id))).not.toContain('dash');
    const sleep = named(events, 'sleep', '9');
    expect(chainOf(sleep)[0]).toBe('dash 9001');
    expect(sleep?.ancestry_complete).toBe('0');
  });

  test('nor one that was not known before', async () => {
    const [, ...later] = fixture('clone_in_pid_namespace.log').split(/(?<=^type=PROCTITLE .*\n)/m);
    const { events, processes } = await replayed(written('unknown_sshd.log', later.join('')));
    const id = named(events, 'id');
    expect(chainOf(id)[0]).toBe('bash 5100');
    expect(JSON.stringify(chainOf(id))).not.toContain('dash');
    expect(id?.ancestry_complete).toBe('0');
    expect(processes.filter(({ pid, path }) => pid === '812' && path?.includes('dash'))).toEqual([]);
  });

  test('a container child’s number is not the host’s process of that number that executes after the caller’s end', async () => {
    const { events } = await replayed(join(logs, 'clone_after_its_caller_ended.log'));
    const bash = events.filter(({ pid }) => pid === '5100');
    expect(bash.map((row) => chainOf(row)[0])).toEqual(['sshd 812']);
    expect(chainOf(named(events, 'id')).slice(0, 2)).toEqual(['bash 5100', 'sshd 812']);
  });

  test('a number in no other record makes no process', async () => {
    const log = fixture('clone_in_pid_namespace.log').replaceAll('exit=812', 'exit=7');
    const { processes } = await replayed(written('seven.log', log));
    expect(processes.filter(({ pid }) => pid === '7')).toEqual([]);
  });

  test('a daemon keeps its creators, also one that never executed', async () => {
    const ids = 'auid=0 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=(none) ses=1 comm="x"';
    let serial = 100;
    const record = (syscall: number, exit: number, pid: number, ppid: number) => {
      const stamp = `audit(1790000000.${++serial}:${serial})`;
      return `type=SYSCALL msg=${stamp}: arch=c000003e syscall=${syscall} success=yes exit=${exit} ppid=${ppid} pid=${pid} ${ids} exe="/usr/bin/p${pid}"`;
    };
    const [fork, execve] = [57, 59];
    const lines = [
      ...[record(execve, 0, 500, 1), record(fork, 501, 500, 1), record(execve, 0, 501, 500)],
      ...[record(fork, 502, 501, 500), record(fork, 503, 502, 501), record(execve, 0, 503, 1)],
    ];
    const { events } = await replayed(written('daemon.log', `${lines.join('\n')}\n`));
    const daemon = events.find((row) => row.pid === '503');
    expect(chainOf(daemon).slice(0, 3)).toEqual(['p501 502', 'p501 501', 'p500 500']);
  });
});

describe('a log without any readable record is refused', () => {
  const interpreted = fixture('ausearch_interpreted.log');
  const utf16 = Buffer.from(RAW, 'utf16le');
  const big = Buffer.from(RAW, 'utf16le').swap16();
  const beginning = (...bytes: number[]) => Buffer.concat([Buffer.from(bytes), gzipSync(RAW)]);
  test.each([
    ['ausearch -i', () => interpreted, /ausearch -i.*ausearch --raw/],
    ['ausearch -i in gzip', () => gzipSync(interpreted), /ausearch -i/],
    ['one line per event', () => fixture('one_line_an_event.log'), /one line per event/],
    ['laurel', () => '{"ID":"1626611363.720:348501","SYSCALL":{"arch":"0xc000003e"}}\n', /JSON/],
    ['go-audit', () => '{"sequence":1,"timestamp":"1.2","messages":[{"type":1300,"data":"arch=c000003e"}]}\n', /JSON/],
    ['journalctl', () => 'Nov 05 10:00:00 web1 audit[7]: SYSCALL arch=c000003e syscall=59 success=yes\n', /journalctl/],
    ['records joined without what they begin with', () => joinedLines(/ msg=audit\(\S+/g), /one line per event/],
    ['fields of records joined', () => joinedLines(/ type=\w+ msg=audit\(\S+/g), /one line per event/],
    [
      'numbers interpreted alone',
      () => RAW.replaceAll('arch=c000003e syscall=59', 'arch=x86_64 syscall=execve'),
      /interpreted/,
    ],
    ['records in quotes', () => RAW.replaceAll(/msg=(.*)$/gm, 'msg="$1"'), /records in quotes/],
    ['tar', () => tarOf(RAW), /tar archive.*tar -xf/],
    ['tar in gzip', () => gzipSync(tarOf(RAW)), /tar archive.*tar -xf/],
    ['xz', () => beginning(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0), /xz file.*xz -d/],
    ['bzip2', () => Buffer.concat([Buffer.from('BZh9'), gzipSync(RAW)]), /bzip2 file.*bzip2 -d/],
    ['zstd', () => zstdCompressSync(RAW), /Zstandard file.*zstd -d/],
    ['UTF-16 with its mark', () => Buffer.concat([Buffer.from([0xff, 0xfe]), utf16]), /UTF-16.*iconv/],
    ['UTF-16 without', () => utf16, /UTF-16.*iconv/],
    ['UTF-16, big endian', () => big, /UTF-16.*iconv/],
    ['nothing at all', () => '', /is empty/],
    ['nothing at all in gzip', () => gzipSync(''), /is empty/],
    ['empty lines', () => '\n\n\n', /is empty/],
    ['a binary file', () => readFileSync(process.execPath).subarray(0, 4096), /binary file/],
    ['another text', () => 'hello\nworld\n', /none of its 2 lines/],
  ])('%s', async (name, content, message) => {
    const file = written(`refused ${name}`, content());
    await expect(replayed(file)).rejects.toThrow(message);
    await expect(replayed(file)).rejects.toThrow(file);
    expect(await whyUnreadable(loadNative(), file)).toMatch(message);
  });

  test('also where records of other calls can be read', async () => {
    const fork = RAW.split('\n')[0]?.replace(/syscall=59(.*) exit=0/, 'syscall=56$1 exit=999') ?? '';
    const names = RAW.replaceAll('syscall=59', 'syscall=execve');
    const file = written('forks_read.log', `${fork}\n${names}`);
    await expect(replayed(file)).rejects.toThrow(/4 lines look like interpreted output/);
    expect(await whyUnreadable(loadNative(), file)).toMatch(/4 lines look like interpreted output/);
  });

  test('but not one with some lines that can be read', async () => {
    const file = written('mixed.log', interpreted + RAW);
    expect(await summary(file)).toEqual(await summary(written('raw.log', RAW)));
    expect(await whyUnreadable(loadNative(), file)).toBeUndefined();
    expect(await problemsOf(file)).toMatchObject([
      { code: 'replay_lines_left_out', message: expect.stringContaining('interpreted output') },
    ]);
  });
});
