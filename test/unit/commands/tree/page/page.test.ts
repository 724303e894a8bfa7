/** The computations of the page, without a browser. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { filter, MATCH } from '../../../../../src/commands/tree/page/filter.ts';
import { Folds } from '../../../../../src/commands/tree/page/folds.ts';
import { piecesOf } from '../../../../../src/commands/tree/page/highlight.ts';
import { histogramOf } from '../../../../../src/commands/tree/page/histogram.ts';
import { Model } from '../../../../../src/commands/tree/page/model.ts';
import { moved } from '../../../../../src/commands/tree/page/selection_moves.ts';
import { EVERYTHING, hashOf, stateOf } from '../../../../../src/commands/tree/page/view_state.ts';
import { visibleRows } from '../../../../../src/commands/tree/page/visible_rows.ts';
import { incident } from '../../../../tree/incident.ts';
import { Scene } from '../../../../tree/scene.ts';

const model = new Model(incident().document());
const at = (pid: number) => model.processes.findIndex((process) => process.pid === pid);
const pids = (rows: Int32Array) => [...rows].map((index) => model.processes[index]?.pid);
const matching = (part: Partial<typeof EVERYTHING>) => {
  const { kept, matches } = filter(model, { ...EVERYTHING, ...part });
  const found = model.processes.filter((_, index) => !kept || kept[index] === MATCH);
  expect(found).toHaveLength(matches);
  return { kept, found: found.map(({ pid }) => pid) };
};

describe('the model', () => {
  test('knows parents, what is below, and the way up', () => {
    expect(model.chainOf(at(5148)).map((index) => model.processes[index]?.pid)).toEqual([
      1, 950, 951, 5140, 5142, 5147, 5148,
    ]);
    expect(model.endOf(at(5142)) - at(5142) - 1).toBe(6);
    expect(model.endOf(at(5148))).toBe(at(5148) + 1);
    expect(model.parentOf(at(1))).toBe(-1);
  });
});

describe('a filter', () => {
  test('finds what is searched in commands, paths, users and pids, all words of it', () => {
    expect(matching({ query: 'KWORKERD coin' }).found).toEqual([5148]);
    expect(matching({ query: '/tmp/.x' }).found).toEqual([5144, 5148, 5160]);
    expect(matching({ query: '5146' }).found).toEqual([5146]);
    expect(matching({ query: 'nothing of the kind' }).found).toEqual([]);
    expect(matching({ query: 'postgres' }).found).toEqual([880, 881, 882]);
    const { entity_id = '' } = model.processes[at(5123)] ?? {};
    expect(matching({ query: entity_id }).found).toEqual([5123]);
    expect(matching({ query: entity_id.slice(0, 5) }).found).toEqual([]);
  });

  test('keeps what is above a match, and leaves out what is below it', () => {
    const { kept } = matching({ query: 'pkill' });
    const { rows } = visibleRows(model, kept, () => false);
    expect(pids(rows)).toEqual([1, 950, 951, 5140, 5142, 5146]);
  });

  test('is by session, user, time and end', () => {
    const deploy = model.sessions.find(({ user }) => user === 'deploy');
    expect(matching({ session: deploy?.entity_id ?? '' }).found).toHaveLength(34);
    // sudo was started by deploy, and became root.
    expect(matching({ user: 'deploy' }).found).toContain(4130);
    expect(matching({ only: 'failed', user: 'www-data' }).found).toEqual([5145, 5146, 5160]);
    const start = model.processes[at(5120)]?.start_time ?? 0;
    expect(matching({ from: start, to: start + 1 }).found).toEqual([5120, 5121, 5122, 5123]);
    expect(matching({ only: 'running', query: 'less' }).found).toEqual([]);
  });

  test('by user finds who has the rights of that user, too', () => {
    const scene = new Scene();
    scene.run(7, ['passwd'], { at: 1_793_523_900, uid: 1000, euid: 0 });
    const setuid = new Model(scene.document());
    const byUser = (user: string) => filter(setuid, { ...EVERYTHING, user }).matches;
    expect(['deploy', 'root', 'mara'].map(byUser)).toEqual([1, 1, 0]);
  });

  test('without a condition leaves all', () => {
    expect(matching({}).kept).toBeUndefined();
  });
});

describe('the rows to show', () => {
  test('are all, without what is below a fold', () => {
    const all = visibleRows(model, undefined, () => false);
    expect(all.rows).toHaveLength(model.count);
    const folded = visibleRows(model, undefined, (index) => index === at(950));
    expect(pids(folded.rows)).not.toContain(951);
    expect(folded.rows).toHaveLength(model.count - (model.endOf(at(950)) - at(950) - 1));
    // A fold is still known to have something below it.
    expect(folded.children[at(950)]).toBe(2);
  });

  test('have their places among their siblings', () => {
    const { places, children } = visibleRows(model, undefined, () => false);
    expect([places[at(5121)], places[at(5123)], children[at(5120)]]).toEqual([1, 3, 3]);
    expect([places[at(2)], children[model.count]]).toEqual([2, 2]);
  });

  test('are reached by the keys', () => {
    const rows = visibleRows(model, undefined, (index) => index === at(951));
    const to = (pid: number, move: Parameters<typeof moved>[3]) =>
      model.processes[moved(model, rows, at(pid), move, 10)]?.pid;
    expect(to(951, 'next')).toBe(952);
    expect(to(952, 'previous')).toBe(951);
    expect(to(951, 'parent')).toBe(950);
    expect(to(951, 'child')).toBe(951);
    expect(to(950, 'child')).toBe(951);
    expect(to(1, 'previous')).toBe(1);
    expect(to(1, 'last')).toBe(model.processes.at(-1)?.pid);
    expect(to(952, 'first')).toBe(1);
  });
});

describe('folds', () => {
  test('of the kernel’s threads are there at first, and all of them come back after a search', () => {
    const folds = new Folds(model);
    expect(folds.isFolded(at(2))).toBe(true);
    folds.toggle(at(950));
    folds.search(true);
    expect(folds.isFolded(at(950))).toBe(false);
    folds.search(false);
    expect(folds.isFolded(at(950))).toBe(true);
    folds.show(at(5148));
    expect(folds.isFolded(at(950))).toBe(false);
    folds.all(true);
    expect([at(1), at(951), at(5148)].map(folds.isFolded)).toEqual([true, true, false]);
  });
});

describe('the address', () => {
  test('keeps what is shown', () => {
    const text = fc.string();
    const seconds = fc.option(fc.nat(2_000_000_000));
    const only = fc.constantFrom('all', 'failed', 'running');
    const states = fc.record({
      query: text,
      user: text,
      session: text,
      from: seconds,
      to: seconds,
      only,
      selected: text,
    });
    fc.assert(
      fc.property(states, (state) => {
        expect(stateOf(hashOf(state as typeof EVERYTHING))).toEqual(state);
      }),
    );
  });

  test('without a view is empty, and one that cannot be parsed is ignored', () => {
    expect(hashOf(EVERYTHING)).toBe('');
    expect(stateOf('#from=1e9&only=none&x=1&%%%')).toEqual(EVERYTHING);
  });
});

describe('marks of a search', () => {
  test('are where the words are, and the text stays the same', () => {
    expect(piecesOf('Curl | sh curl', ['curl'])).toEqual([
      { text: 'Curl', isMatch: true },
      { text: ' | sh ', isMatch: false },
      { text: 'curl', isMatch: true },
    ]);
    expect(piecesOf('abcd', ['b', 'bc'])).toEqual([
      { text: 'a', isMatch: false },
      { text: 'bc', isMatch: true },
      { text: 'd', isMatch: false },
    ]);
    fc.assert(
      fc.property(fc.string(), fc.array(fc.string({ minLength: 1 })), (text, words) => {
        expect(
          piecesOf(text, words)
            .map((piece) => piece.text)
            .join(''),
        ).toBe(text);
      }),
    );
  });
});

describe('the bars', () => {
  test('count every exec once', () => {
    for (const bars of [1, 7, 120]) {
      const histogram = histogramOf(model, bars);
      expect(histogram?.execs.length).toBeLessThanOrEqual(bars + 1);
      const execs = model.processes.flatMap(({ images }) => images).filter(({ time }) => time !== null).length;
      expect(histogram?.execs.reduce((a, b) => a + b)).toBe(execs);
    }
  });
});
