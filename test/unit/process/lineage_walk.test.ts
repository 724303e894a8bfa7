import { describe, expect, test } from 'vitest';
import type { Pid } from '../../../src/collect/event.ts';
import { Image } from '../../../src/process/image.ts';
import { ancestorsOf, type Descent, descendantsOf } from '../../../src/process/lineage_walk.ts';
import { Process } from '../../../src/process/process.ts';

function child(number: number, of?: Process): Process {
  const process = new Process({
    pid: number as Pid,
    discoveredBy: 'event',
    startTicks: number,
    startSlackTicks: [0, 0],
    bootUnixHundredths: 0,
    sameTickIndex: 0,
    image: of?.image ?? Image.unknown(),
    ppid: of?.pid ?? 0,
  });
  if (of) process.setCreator(of.atFork);
  else process.setTop();
  return process;
}

const told = (descents: Iterable<Descent | undefined>) =>
  [...descents]
    .flatMap((descent) => descent ?? [])
    .map(({ process, ancestor, depth }) => `${process.pid} < ${ancestor.process.pid} at ${depth}`);

/**
 *     1 ── 2 ── 3 ── 4
 *           └── 5
 */
function tree() {
  const one = child(1);
  const two = child(2, one);
  const three = child(3, two);
  return { one, two, three, four: child(4, three), five: child(5, two) };
}

test('the ancestors of a process go from its creator to the top', () => {
  const { one, four } = tree();
  expect(told(ancestorsOf(four))).toEqual(['4 < 3 at 1', '4 < 2 at 2', '4 < 1 at 3']);
  expect(told(ancestorsOf(one))).toEqual([]);
});

describe('descendants', () => {
  test('are all below, at any distance, once each, in any order of the cache', () => {
    const { one, two, three, four, five } = tree();
    const expected = ['3 < 2 at 1', '4 < 2 at 2', '5 < 2 at 1'];
    for (const remembered of [
      [one, two, three, four, five],
      [five, four, three, two, one, four],
      [four, five],
    ]) {
      expect(told(descendantsOf(new Set([two]), remembered)).toSorted()).toEqual(expected);
    }
  });

  test('of several, one below another, are listed under each', () => {
    const { two, three, four } = tree();
    expect(told(descendantsOf(new Set([two, three]), [four]))).toEqual(['3 < 2 at 1', '4 < 3 at 1', '4 < 2 at 2']);
  });

  test('of all processes are all pairs', () => {
    const { four, five } = tree();
    const every = [four, five].flatMap((one) => told(ancestorsOf(one)));
    const pairs = told(descendantsOf(undefined, [four, five]));
    expect(pairs).toEqual(expect.arrayContaining(every));
    expect(pairs).toHaveLength(every.length + 3);
  });

  test('have what each ancestor was running when it forked', () => {
    const top = child(1);
    const elder = child(2, top);
    const before = top.image;
    top.image = Image.unknown();
    const younger = child(3, top);
    const images = [...descendantsOf(new Set([top]), [elder, younger])].map((descent) => descent?.ancestor.image);
    expect(images).toEqual([before, top.image]);
    expect(images[0]).not.toBe(images[1]);
  });

  test('are found by one visit of each process, at any depth', () => {
    let visited = 0;
    let last = child(1);
    const top = last;
    const all = [top];
    for (let number = 2; number <= 1000; number++) {
      last = child(number, last);
      all.push(last);
    }
    for (let number = 1001; number <= 5000; number++) all.push(child(number, last));
    for (const process of all) {
      const { creator } = process;
      Object.defineProperty(process, 'creator', {
        get() {
          visited++;
          return creator;
        },
      });
    }
    expect(told(descendantsOf(new Set([top]), all.toReversed()))).toHaveLength(4999);
    expect(visited).toBeLessThanOrEqual(2 * all.length);
  });

  test('a tree that changes during the walk neither ends nor repeats it', () => {
    const { two, three, four, five } = tree();
    const descents = descendantsOf(undefined, [three, five, four]);
    const first = descents.next().value as Descent;
    expect(told([first])).toEqual(['2 < 1 at 1']);
    const stranger = child(9);
    two.setCreator(stranger.atFork);
    four.setCreator(five.atFork);
    expect(told(descents)).toEqual([
      '3 < 2 at 1',
      '3 < 1 at 2',
      '5 < 2 at 1',
      '5 < 1 at 2',
      '4 < 5 at 1',
      '4 < 2 at 2',
      '4 < 1 at 3',
    ]);
  });
});

test('a search through many processes without a result makes pauses', () => {
  const top = child(1);
  const many = Array.from({ length: 1000 }, (_, i) => child(i + 2, top));
  expect([...descendantsOf(new Set([child(5000)]), many)]).toEqual([undefined, undefined, undefined]);
});
