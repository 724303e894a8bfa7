/** Which content a file had at a moment: two looks with the same identity saw the same bytes. */
import type { BigIntStats } from 'node:fs';

export type FileIdentity = string & { readonly brand: 'FileIdentity' };

export function identityOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): FileIdentity {
  return `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}` as FileIdentity;
}

/** The kernel stamps files once a scheduler tick, at least 100 times a second (fs/inode.c, current_time). */
const TICK_MS = 10n;
/** Some file systems keep whole seconds, FAT every second one. */
const COARSE_MS = 2000n;

/**
 * Whether a change from `unixMs` on would show in the identity. It would not while the last one has a time stamp that
 * the next one may still get.
 */
export function isSettled({ ctimeNs, mtimeNs }: BigIntStats, unixMs: number): boolean {
  const last = ctimeNs > mtimeNs ? ctimeNs : mtimeNs;
  const grain = ctimeNs % 1_000_000_000n === 0n ? COARSE_MS : TICK_MS;
  return last + 2n * grain * 1_000_000n < BigInt(Math.floor(unixMs)) * 1_000_000n;
}
