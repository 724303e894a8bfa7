/** The identity of a file's content: the same identity means the same bytes. */
import type { BigIntStats } from 'node:fs';

export type FileIdentity = string & { readonly brand: 'FileIdentity' };

export function identityOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): FileIdentity {
  return `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}` as FileIdentity;
}

/** File times have the resolution of a scheduler tick, at least 100 per second (fs/inode.c, current_time). */
const TICK_MS = 10n;
/** Some file systems store whole seconds; FAT stores steps of two seconds. */
const COARSE_MS = 2000n;

/**
 * Whether a change after `unixMs` would change the identity. It would not if the next change could get the same timestamp as the
 * last one.
 */
export function isSettled({ ctimeNs, mtimeNs }: BigIntStats, unixMs: number): boolean {
  const last = ctimeNs > mtimeNs ? ctimeNs : mtimeNs;
  const grain = ctimeNs % 1_000_000_000n === 0n ? COARSE_MS : TICK_MS;
  return last + 2n * grain * 1_000_000n < BigInt(Math.floor(unixMs)) * 1_000_000n;
}
