/**
 * The identity of a process: its pid and its start (R1). /proc shows a start in clock ticks since boot
 * (/proc/PID/stat field 22, CLOCK_BOOTTIME / USER_HZ, man 5 proc). An event has the start itself, or a time just after it.
 */
import type { Pid } from '../collect/event.ts';

type EntityId = string & { readonly brand: 'EntityId' };

/** Makes entity ids for one boot of one host: boot id, pid and start. They are URL-safe and opaque. */
export class EntityIds {
  readonly #prefix: string;

  /** `bootId` as in /proc/sys/kernel/random/boot_id, or any text that identifies a recorded log. */
  constructor(bootId: string) {
    const hex = bootId.replaceAll('-', '').trim();
    const bytes = /^[0-9a-f]{32}$/.test(hex) ? Buffer.from(hex, 'hex') : Buffer.from(bootId);
    this.#prefix = bytes.toString('base64url');
  }

  isOfThisBoot(entityId: string): boolean {
    return entityId.startsWith(`${this.#prefix}.`);
  }

  /** `sameTickIndex` distinguishes processes with the same pid that started in the same tick. */
  of(pid: Pid, startTicks: number, sameTickIndex: number): EntityId {
    const id = `${this.#prefix}.${pid.toString(36)}.${startTicks.toString(36)}`;
    return (sameTickIndex === 0 ? id : `${id}.${sameTickIndex.toString(36)}`) as EntityId;
  }
}

/** The start in an entity id, in clock ticks since boot. */
export function startTicksOf(entityId: string): number {
  return Number.parseInt(entityId.split('.')[2] ?? '', 36);
}

/** The pid in an entity id, in upper or lower case; undefined if the text is no entity id. */
export function pidOfEntityId(text: string): Pid | undefined {
  const [, pid] = /^[^.]+\.([0-9a-z]{1,7})\./i.exec(text) ?? [];
  return pid === undefined ? undefined : (Number.parseInt(pid, 36) as Pid);
}
