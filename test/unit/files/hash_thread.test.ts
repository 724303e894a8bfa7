import { createHash } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { HashThread } from '../../../src/files/hash_thread.ts';

const content = Buffer.from(Float64Array.from({ length: 400_000 }, (_, index) => index).buffer);
let directory: string;
let fd: number;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'hash-thread-'));
  writeFileSync(join(directory, 'file'), content);
  fd = openSync(join(directory, 'file'), 'r');
});
afterEach(() => {
  closeSync(fd);
  rmSync(directory, { recursive: true });
});

const sha256Of = (size: number) => createHash('sha256').update(content.subarray(0, size)).digest('hex');

test.each([0, 1, 262_143, 262_144, 262_145, 1_000_000])('the first %i bytes are hashed', async (size) => {
  const thread = new HashThread();
  expect(await thread.sha256(fd, size)).toBe(sha256Of(size));
  await thread.stop();
});

test('each answer belongs to its request, also with many at once', async () => {
  const thread = new HashThread();
  const sizes = [3_000_000, 1, 2_000_000, 2];
  expect(await Promise.all(sizes.map((size) => thread.sha256(fd, size)))).toEqual(sizes.map(sha256Of));
  await thread.stop();
});

test('a file that is shorter gives no hash, one that cannot be read an error', async () => {
  const thread = new HashThread();
  expect(await thread.sha256(fd, 10_000_000_000)).toBe('');
  await expect(thread.sha256(4_000_000, 1)).rejects.toThrow('EBADF');
  expect(await thread.sha256(fd, 1)).toBe(sha256Of(1));
  await thread.stop();
});

test('the thread is started when there is something to hash, ends when idle, and is started again', async () => {
  const thread = new HashThread(20);
  expect(thread.running).toBe(false);
  await thread.sha256(fd, 1);
  expect(thread.running).toBe(true);
  await expect.poll(() => thread.running).toBe(false);
  expect(await thread.sha256(fd, 1)).toBe(sha256Of(1));
  await thread.stop();
  expect(thread.running).toBe(false);
});
