/** Clock ticks, the unit of starts and processor times in /proc (man 5 proc). */

/** USER_HZ: 100 on every architecture that osquery runs on (include/asm-generic/param.h). */
const TICKS_PER_SECOND = 100;
export const MS_PER_TICK = 1000 / TICKS_PER_SECOND;

export function ticksOf(bootMs: number): number {
  return Math.floor(bootMs / MS_PER_TICK);
}
