/** What the single executable's Node is made to do without. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { withoutLibatomic } from '../../../packaging/executable/without_libatomic.ts';

const CODE = Buffer.from('0f0b', 'hex');
const PAGE = 4096;

describe.skipIf(process.arch !== 'x64')('the Node that the packages bring', () => {
  const original = readFileSync(process.execPath);

  test('needs libatomic for one function; with the function added behind its code it does not need it', () => {
    const changed = Buffer.from(original);
    expect(withoutLibatomic(changed, CODE)).toBe(true);
    expect(changed.length).toBe(original.length);
    const again = Buffer.from(changed);
    expect(withoutLibatomic(again, CODE)).toBe(false);
    expect(again.equals(changed)).toBe(true);
  });

  test('is left alone if there is no room', () => {
    expect(() => withoutLibatomic(Buffer.from(original), Buffer.alloc(PAGE))).toThrow('room behind the code');
  });

  test('is left alone if it uses the library otherwise', () => {
    const changed = Buffer.from(original);
    changed.write('__atomic_compare_exchangX', changed.indexOf('__atomic_compare_exchange\0'));
    expect(() => withoutLibatomic(changed, CODE)).toThrow('what is used of libatomic.so.1');
  });
});

test('a file that is no ELF is refused', () => {
  expect(() => withoutLibatomic(Buffer.from('#!/bin/sh\n'), CODE)).toThrow('an ELF file');
});
