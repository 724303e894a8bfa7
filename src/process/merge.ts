/** Merges the fork, the exec and the exit of a process within a short time into one event. */

import { MEMORY_BOUNDS, textBytes } from '../memory/memory_bounds.ts';
import type { Action } from './pending_event.ts';
import type { PublishedEvent } from './tree.ts';

interface Held {
  event: PublishedEvent;
  readonly sinceMs: number;
}

const MERGEABLE: ReadonlySet<Action> = new Set(['fork', 'exec', 'exit']);
/** The number of held events is bounded: the oldest leave first. */
const HELD_MAX = 16_384;
const HELD_BYTES = MEMORY_BOUNDS.heldEvents / 2;

export class EventMerger {
  /** By entity id, the longest held first. */
  readonly #held = new Map<string, Held>();
  #bytes = 0;
  #windowMs: number;

  /** 0 turns merging off. */
  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  configure(windowMs: number): void {
    this.#windowMs = windowMs;
  }

  /** Merging is off, and no event is held. */
  get isIdle(): boolean {
    return this.#windowMs === 0 && this.#held.size === 0;
  }

  get size(): number {
    return this.#held.size;
  }

  /** Adds an event, and returns the events that are complete. */
  add(event: PublishedEvent, nowMs: number): PublishedEvent[] {
    if (this.isIdle) return [event];
    const before = this.#held.get(event.entityId);
    const joined = before && join(before.event, event);
    const done: PublishedEvent[] = [];
    if (before && !joined) done.push(before.event);
    const next = joined ?? event;
    // No event follows the exit of a process.
    const isDone = next.actions.includes('exit') || !MERGEABLE.has(event.action) || this.#windowMs === 0;
    if (before && joined && !isDone) {
      // Replaced in place, so that the longest held stays first.
      this.#bytes += textBytes(joined.details) - textBytes(before.event.details);
      before.event = joined;
      return done;
    }
    if (before) this.#release(before.event);
    if (isDone) {
      done.push(next);
    } else {
      this.#held.set(event.entityId, { event: next, sinceMs: nowMs });
      this.#bytes += textBytes(next.details);
    }
    while (this.#held.size > HELD_MAX || this.#bytes > HELD_BYTES) done.push(...this.#take(1));
    return done;
  }

  /** The events that have been held for the whole window. */
  due(nowMs: number): PublishedEvent[] {
    let count = 0;
    for (const { sinceMs } of this.#held.values()) {
      if (nowMs - sinceMs < this.#windowMs) break;
      count++;
    }
    return this.#take(count);
  }

  all(): PublishedEvent[] {
    return this.#take(this.#held.size);
  }

  #take(count: number): PublishedEvent[] {
    const taken: PublishedEvent[] = [];
    for (const { event } of this.#held.values()) {
      if (taken.length === count) break;
      this.#release(event);
      taken.push(event);
    }
    return taken;
  }

  #release(event: PublishedEvent): void {
    this.#held.delete(event.entityId);
    this.#bytes -= textBytes(event.details);
  }
}

/** Merges two events. Undefined if they must stay separate: an action occurs once in an event, and an exit is the last. */
function join(before: PublishedEvent, after: PublishedEvent): PublishedEvent | undefined {
  const { action } = after;
  if (!MERGEABLE.has(action) || before.actions.includes(action)) return undefined;
  if (action === 'fork' || !before.actions.every((one) => MERGEABLE.has(one))) return undefined;
  const actions = [...before.actions, action];
  // The exec has more details than the exit after it.
  return action === 'exit'
    ? { ...before, actions, exitStatus: after.exitStatus, endUnixMs: after.unixMs }
    : { ...after, actions };
}
