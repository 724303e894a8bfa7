/** Events of audit alone, live or recorded. They are complete except for process groups, and have coarse timestamps. */
import type { ProcessEvent } from './event.ts';
import type { ForkEvent, SensorEvent } from './events.ts';
import { type GroupChange, GroupChanges } from './group_changes.ts';

/** A call of the child comes after the fork call of its creator, and both timestamps are from the same clock. */
const isFormer = ({ event }: GroupChange, fork: ForkEvent) => event.bootMs < fork.bootMs;

export class AuditEvents {
  readonly #groups = new GroupChanges();

  whole(events: readonly SensorEvent[]): readonly ProcessEvent[] {
    const whole: ProcessEvent[] = [];
    for (const event of events) {
      if (event.kind === 'setpgid') {
        this.#groups.add(event);
        continue;
      }
      this.#groups.release(event, () => true, isFormer, whole);
      whole.push({ ...event, isCoarse: true });
    }
    return whole;
  }
}
