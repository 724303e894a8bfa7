import { appendFileSync, mkdtempSync, readdirSync, readlinkSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { UserNames, type UserNamesOptions } from '../../../src/linux/user_names.ts';
import { eventually } from '../eventually.ts';

let directory = '';
let names: UserNames | undefined;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'process-ancestry-names-'));
});
afterEach(() => {
  names?.close();
  rmSync(directory, { recursive: true });
});

const path = (file: string) => join(directory, file);

const isOpen = (file: string) =>
  readdirSync('/proc/self/fd').some((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === file;
    } catch {
      return false;
    }
  });

async function started(options: UserNamesOptions = {}): Promise<UserNames> {
  names = new UserNames({ passwdPath: path('passwd'), groupPath: path('group'), ...options });
  await names.start();
  return names;
}

describe('names of ids', () => {
  test('come from passwd and group', async () => {
    writeFileSync(path('passwd'), 'root:x:0:0:root:/root:/bin/bash\nkg:x:1000:1000::/home/kg:/bin/sh');
    writeFileSync(path('group'), 'root:x:0:\nsudo:x:27:kg,james\n');
    const { user, group } = await started().then((read) => ({
      user: [0, 1000, 27].map((uid) => read.user(uid)),
      group: [0, 1000, 27].map((gid) => read.group(gid)),
    }));
    expect(user).toEqual(['root', 'kg', undefined]);
    expect(group).toEqual(['root', undefined, 'sudo']);
  });

  test('are known at once when a user is made, without waiting for the next look', async () => {
    writeFileSync(path('passwd'), 'root:x:0:0\n');
    writeFileSync(path('group'), 'root:x:0:\n');
    const read = await started({ checkEveryMs: 1_000_000 });
    writeFileSync(path('passwd+'), 'root:x:0:0\nkg:x:1000:1000\n');
    renameSync(path('passwd+'), path('passwd'));
    await eventually(() => expect(read.user(1000)).toBe('kg'));
    appendFileSync(path('group'), 'kg:x:1000:\n');
    await eventually(() => expect(read.group(1000)).toBe('kg'));
  });

  test('are known, too, when a user is made while the files are being read', async () => {
    const many = Array.from({ length: 90_000 }, (_, uid) => `user-${uid}:x:${uid}:0:${'x'.repeat(60)}\n`).join('');
    writeFileSync(path('passwd'), 'root:x:0:0\n');
    const read = await started({ checkEveryMs: 1_000_000 });
    writeFileSync(path('passwd+'), 'root:x:0:0\nkg:x:99999:0\n');
    writeFileSync(path('passwd'), many);
    const reading = read.check();
    while (!isOpen(path('passwd'))) await new Promise((resolve) => setImmediate(resolve));
    renameSync(path('passwd+'), path('passwd'));
    await reading;
    await eventually(() => expect(read.user(99_999)).toBe('kg'));
  });

  test('are the first of several for an id', async () => {
    writeFileSync(path('passwd'), 'root:x:0:0\ntoor:x:0:0\n');
    expect((await started()).user(0)).toBe('root');
  });

  test('are unknown while the files are missing, and known once they are there', async () => {
    const read = await started({ checkEveryMs: 5 });
    expect(read.user(0)).toBeUndefined();
    writeFileSync(path('passwd'), 'root:x:0:0\n');
    await eventually(() => expect(read.user(0)).toBe('root'));
  });

  test('stay known while a file is gone', async () => {
    writeFileSync(path('passwd'), 'root:x:0:0\n');
    const read = await started();
    rmSync(path('passwd'));
    await read.check();
    expect(read.user(0)).toBe('root');
  });

  test('follow a file that is written to and one that is replaced, and say so by their revision', async () => {
    writeFileSync(path('passwd'), 'root:x:0:0\n');
    const read = await started();
    const before = read.revision;
    await read.check();
    expect(read.revision).toBe(before);
    appendFileSync(path('passwd'), 'kg:x:1000:1000\n');
    await read.check();
    expect(read.user(1000)).toBe('kg');
    writeFileSync(path('passwd+'), 'root:x:0:0\njames:x:1000:1000\n');
    renameSync(path('passwd+'), path('passwd'));
    await read.check();
    expect(read.user(1000)).toBe('james');
    expect(read.revision).toBe(before + 2);
  });

  test('are found beside broken lines', async () => {
    const broken = [
      '',
      ':',
      '::',
      '# root:x:5',
      'nobody',
      'a:x',
      'a:x:',
      'a:x:-1',
      'a:x:1e3',
      ':x:7',
      '+::::::',
      '-a:x:7',
    ];
    const lines = [...broken, 'b:x:4294967295:1', 'c:x:99999999999', '\0\0', 'kg:x:1000:1000', 'win:x:1001\r'];
    writeFileSync(path('passwd'), `${lines.join('\n')}\n`);
    const read = await started();
    const known = [0, 1, 5, 7, 1000, 4294967295, 99999999999].filter((uid) => read.user(uid) !== undefined);
    expect(known).toEqual([1000]);
  });

  test('may be across two reads, and after a very long line', async () => {
    const lines = Array.from({ length: 20_000 }, (_, uid) => `benutzer-ä-${uid}:x:${uid}:0`);
    const members = 'm'.repeat(300_000);
    writeFileSync(
      path('passwd'),
      `${lines.slice(0, 9999).join('\n')}\n${lines[9999]}:${members}\n${lines.slice(10_000).join('\n')}`,
    );
    const read = await started();
    expect(lines.map((_, uid) => `${read.user(uid)}:x:${uid}:0`)).toEqual(lines);
  });

  test('are read up to a bound', async () => {
    const lines = Array.from({ length: 20_000 }, (_, uid) => `user-${uid}:x:${uid}:0\n`).join('');
    writeFileSync(path('passwd'), lines);
    writeFileSync(path('group'), lines);
    const byBytes = await started({ maxBytes: 100_000 });
    expect([byBytes.user(100), byBytes.user(19_000)]).toEqual(['user-100', undefined]);
    byBytes.close();
    const byCount = await started({ maxNames: 10 });
    expect([byCount.group(9), byCount.group(19_000)]).toEqual(['user-9', undefined]);
  });

  test('do not come from a line that the bound has cut', async () => {
    writeFileSync(path('passwd'), 'a:x:1:0\nb:x:234:0\n');
    const read = await started({ maxBytes: 'a:x:1:0\nb:x:2'.length });
    expect([read.user(1), read.user(2), read.user(234)]).toEqual(['a', undefined, undefined]);
  });

  test('come only from a regular file', async () => {
    const read = await started({ passwdPath: directory, groupPath: '/dev/zero' });
    expect([read.user(0), read.revision]).toEqual([undefined, 0]);
  });
});
