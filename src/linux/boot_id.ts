import { readFileSync } from 'node:fs';

/** What the kernel calls this boot (man 4 random). */
export function readBootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return 'unknown-boot';
  }
}
