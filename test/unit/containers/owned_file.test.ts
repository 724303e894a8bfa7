import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readOwnedFile } from '../../../src/containers/owned_file.ts';
import { IS_ROOT, newRoot, OWNER, write } from './runtime_trees.ts';

const PATH = '/var/lib/runtime/config.json';
const USER = 1234;
const by = (root: string, uid = OWNER) => ({ root, uid });
const read = (root: string, uid?: number) => readOwnedFile(PATH, 100, by(root, uid));

describe('the text of a file', () => {
  test('is read whole, up to the limit', async () => {
    const root = newRoot({ [PATH]: 'é'.repeat(50) });
    expect(await read(root)).toBe('é'.repeat(50));
    write(root, { [PATH]: 'é'.repeat(51) });
    await expect(read(root)).rejects.toThrow('102 bytes, more than 100');
  });

  test('is undefined if the file or a folder does not exist, or a folder is a file', async () => {
    expect(await read(newRoot())).toBeUndefined();
    expect(await read(newRoot({ '/var/lib': '' }))).toBeUndefined();
    expect(await read(newRoot({ '/var/lib/runtime/other': '' }))).toBeUndefined();
  });

  test('is not read from a FIFO or a folder', async () => {
    const root = newRoot({ '/var/lib/runtime/other': '' });
    execFileSync('mkfifo', ['-m', '644', join(root, PATH)]);
    await expect(read(root)).rejects.toThrow('not a regular file');
    const other = newRoot();
    mkdirSync(join(other, PATH), { recursive: true });
    await expect(read(other)).rejects.toThrow('not a regular file');
  });

  test('is not read if every user can write the file or a folder above it', async () => {
    for (const path of [PATH, '/var/lib/runtime', '/var']) {
      const root = newRoot({ [PATH]: 'x' });
      chmodSync(join(root, path), 0o777);
      await expect(read(root)).rejects.toThrow(/^other users can write \/var/);
    }
  });
});

describe.runIf(IS_ROOT)('with files of several users', () => {
  test('a file of a user, or in a folder of a user, is not read as a file of root', async () => {
    for (const path of [PATH, '/var/lib/runtime', '/var']) {
      const root = newRoot({ [PATH]: 'x' });
      chownSync(join(root, path), USER, USER);
      await expect(read(root)).rejects.toThrow(`belongs to user ${USER}`);
      expect(await read(root, USER)).toBe('x');
      await expect(read(root, USER + 1)).rejects.toThrow(`belongs to user ${USER}`);
    }
  });

  test('a group may not write a file of root, but a file of the user', async () => {
    const root = newRoot({ [PATH]: 'x' });
    chmodSync(join(root, '/var/lib/runtime'), 0o775);
    await expect(read(root)).rejects.toThrow('other users can write /var/lib/runtime');
    chownSync(join(root, '/var/lib/runtime'), USER, USER);
    expect(await read(root, USER)).toBe('x');
  });

  test('a link of root is followed and the target is checked; a link of a user is not followed', async () => {
    const root = newRoot({ '/data/runtime/config.json': 'x' });
    mkdirSync(join(root, '/var/lib'), { recursive: true });
    symlinkSync('../../data/runtime', join(root, '/var/lib/runtime'));
    expect(await read(root)).toBe('x');
    chmodSync(join(root, '/data'), 0o777);
    await expect(read(root)).rejects.toThrow('other users can write /data');
    chmodSync(join(root, '/data'), 0o755);
    execFileSync('chown', ['-h', `${USER}`, join(root, '/var/lib/runtime')]);
    await expect(read(root)).rejects.toThrow(`belongs to user ${USER}`);
    await expect(read(root, USER)).rejects.toThrow(`symbolic link of user ${USER}`);
  });

  test('links in a circle are an error', async () => {
    const root = newRoot({ '/var/lib/other': '' });
    symlinkSync('/var/lib/runtime', join(root, '/var/lib/runtime'));
    await expect(read(root)).rejects.toThrow('too many symbolic links');
  });
});
