import { describe, expect, test } from 'vitest';
import { MissingDetails } from '../../../src/recording/missing_details.ts';

const MINUTE = 60_000;
const codes = ({ problems }: MissingDetails) => problems.map(({ code }) => code);

describe('details that are missing', () => {
  test('are reported with their share if they are many', () => {
    const missing = new MissingDetails();
    missing.sample(1000, 1000, 9);
    expect(codes(missing)).toEqual([]);
    missing.sample(2000, 1000, 250);
    expect(codes(missing)).toEqual(['details_missing_many']);
    expect(missing.problems[0]?.message).toMatch(/^25 % of the rows of the last minutes \(250 of 1000\)/);
  });

  test('are not reported if they are few among the others', () => {
    const missing = new MissingDetails();
    missing.sample(1000, 100_000, 500);
    expect(codes(missing)).toEqual([]);
  });

  test('are no longer reported after some better minutes', () => {
    const missing = new MissingDetails();
    for (let minute = 0; minute < 5; minute++) missing.sample(minute * MINUTE, 100 * minute, 50 * minute);
    expect(codes(missing)).toEqual(['details_missing_many']);
    for (let minute = 5; minute < 7; minute++) missing.sample(minute * MINUTE, 100 * minute, 200);
    expect(codes(missing)).toEqual([]);
  });

  test('are of no window after a long time without a sample', () => {
    const missing = new MissingDetails();
    missing.sample(1000, 10, 0);
    missing.sample(100 * MINUTE, 1000, 900);
    expect(codes(missing)).toEqual([]);
    missing.sample(100 * MINUTE + 1000, 1100, 1000);
    expect(codes(missing)).toEqual(['details_missing_many']);
  });
});
