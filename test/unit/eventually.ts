import { vi } from 'vitest';

/** Waits until a check passes. The limit is only a safety net. */
export function eventually(check: () => void): Promise<void> {
  return vi.waitFor(check, { timeout: 120_000, interval: 5 });
}
