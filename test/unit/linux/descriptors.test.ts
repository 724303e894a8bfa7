import { closeSync, openSync } from 'node:fs';
import { expect, test } from 'vitest';
import { connectionsWithin, descriptorProblem, readDescriptors } from '../../../src/linux/descriptors.ts';

test('open descriptors are counted, and the limit is that of this process', () => {
  const before = readDescriptors();
  const fd = openSync('/dev/null', 'r');
  const after = readDescriptors();
  closeSync(fd);
  expect(after).toEqual({ open: (before?.open ?? 0) + 1, most: before?.most });
  expect(before?.most).toBeGreaterThan(before?.open ?? 0);
});

test.each([
  [{ open: 22, most: 524_288 }, 256],
  [{ open: 22, most: Number.POSITIVE_INFINITY }, 256],
  [{ open: 22, most: 256 }, 106],
  [{ open: 22, most: 158 }, 8],
])('%j allows so many connections: %d', (descriptors, connections) => {
  expect(connectionsWithin(descriptors)).toBe(connections);
});

test.each([
  { open: 22, most: 30 },
  { open: 22, most: 157 },
  { open: 900, most: 1024 },
])('%j are too few, and the error says how many are needed and what to do', (descriptors) => {
  const needed = descriptors.open + 136;
  expect(connectionsWithin(descriptors)).toEqual({
    error: expect.stringMatching(
      `^at most ${descriptors.most} files .*EMFILE.*${needed} are needed: raise LimitNOFILE`,
    ),
  });
});

test('too few left are a problem', () => {
  expect(descriptorProblem({ open: 100, most: 116 })).toBeUndefined();
  expect(descriptorProblem({ open: 101, most: 116 })).toMatchObject({
    code: 'few_descriptors',
    message: expect.stringMatching(/^101 of at most 116 files.*LimitNOFILE/),
  });
});
