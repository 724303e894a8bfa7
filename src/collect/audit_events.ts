/** Events of audit alone, live or recorded: whole but for the groups of processes, and with stamps of a coarse clock. */
import type { ProcessEvent } from './event.ts';
import type { ForkEvent, SensorEvent } from './events.ts';
import { type GroupChange, GroupChanges } from './group_changes.ts';

/** A child's call is entered after its creator's, and both have the stamps of one clock. */
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
