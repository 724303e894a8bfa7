import { readFileSync } from 'node:fs';

/** The boot id of the kernel (man 4 random). */
export function readBootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return 'unknown-boot';
  }
}
