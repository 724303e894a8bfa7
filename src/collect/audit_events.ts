/** Events of audit alone, live or recorded: whole but for the groups of processes, and with stamps of a coarse clock. */
import type { ProcessEvent } from './event.ts';
import type { SensorEvent } from './events.ts';
import { GroupChanges } from './group_changes.ts';

export class AuditEvents {
  readonly #groups = new GroupChanges();

  whole(events: readonly SensorEvent[]): readonly ProcessEvent[] {
    const whole: ProcessEvent[] = [];
    for (const event of events) {
      if (event.kind === 'setpgid') {
        this.#groups.add(event);
        continue;
      }
      this.#groups.release(event, () => true, whole);
      whole.push({ ...event, isCoarse: true });
    }
    return whole;
  }
}
