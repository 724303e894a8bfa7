import { describe, expect, test } from 'vitest';
import { EventMerger } from '../../../src/process/merge.ts';
import type { Action } from '../../../src/process/pending_event.ts';
import type { PublishedEvent } from '../../../src/process/tree.ts';
import { published } from '../tables/published.ts';

function event(action: Action, pid = 10, more: Partial<PublishedEvent> = {}): PublishedEvent {
  return { ...published({ pid, cmdline: `${action} ${pid}`, unixMs: 1000 }), action, actions: [action], ...more };
}
const actionsOf = (events: readonly { actions: readonly Action[] }[]) => events.map(({ actions }) => actions.join('+'));

describe('events of one process', () => {
  test('are one row when its whole life is within the window: what ran, how it ended and when', () => {
    const merger = new EventMerger(100);
    expect(merger.add(event('fork'), 0)).toEqual([]);
    expect(merger.add(event('exec'), 1)).toEqual([]);
    const [ran, ...more] = merger.add(event('exit', 10, { exitStatus: 256, unixMs: 1002 }), 2);
    expect(more).toEqual([]);
    expect(ran).toMatchObject({ actions: ['fork', 'exec', 'exit'], exitStatus: 256, endUnixMs: 1002, unixMs: 1000 });
    expect(ran?.details?.args).toBe('exec\x0010');
    expect(merger.size).toBe(0);
  });

  test('stay apart without a window', () => {
    const merger = new EventMerger(0);
    const all = (['fork', 'exec', 'exit'] as const).flatMap((action) => merger.add(event(action), 0));
    expect(actionsOf(all)).toEqual(['fork', 'exec', 'exit']);
  });

  test('that happen twice, or are no part of a short life, release the held row', () => {
    const merger = new EventMerger(100);
    merger.add(event('exec'), 0);
    expect(actionsOf(merger.add(event('exec'), 1))).toEqual(['exec']);
    expect(actionsOf(merger.add(event('setsid'), 2))).toEqual(['exec', 'setsid']);
    expect(merger.size).toBe(0);
  });

  test('are not merged with another process’s', () => {
    const merger = new EventMerger(100);
    merger.add(event('exec', 10), 0);
    expect(actionsOf(merger.add(event('exit', 11), 1))).toEqual(['exit']);
    expect(actionsOf(merger.all())).toEqual(['exec']);
  });
});

describe('a held row', () => {
  test('is released when the window is over since its first event, also after later events', () => {
    const merger = new EventMerger(100);
    merger.add(event('fork', 10), 0);
    merger.add(event('fork', 11), 50);
    merger.add(event('exec', 10), 90);
    expect(merger.due(99)).toEqual([]);
    expect(actionsOf(merger.due(100))).toEqual(['fork+exec']);
    expect(actionsOf(merger.due(150))).toEqual(['fork']);
  });

  test('is bounded in number: the oldest is released first', () => {
    const merger = new EventMerger(1e9);
    const gone = Array.from({ length: 16_400 }, (_, n) => merger.add(event('exec', n + 10), n)).flat();
    expect(merger.size).toBe(16_384);
    expect(gone.map(({ process }) => process.pid)).toEqual(Array.from({ length: 16 }, (_, n) => n + 10));
  });

  test('is released at once when the window is removed', () => {
    const merger = new EventMerger(100);
    merger.add(event('fork', 10), 0);
    merger.configure(0);
    expect(actionsOf(merger.due(0))).toEqual(['fork']);
  });
});
