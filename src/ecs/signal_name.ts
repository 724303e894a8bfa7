/** Signal names as in `kill -l` (man 7 signal). */
import { constants } from 'node:os';

/** First real-time signal of glibc, which reserves the two before it for threads. */
const SIGRTMIN = 34;
const LAST_SIGNAL = 64;

const NAMES = new Map<number, string>();
for (const [name, number] of Object.entries(constants.signals)) {
  if (!NAMES.has(number)) NAMES.set(number, name);
}

/** SIGKILL for 9; undefined for an unknown number. */
export function signalName(signal: number): string | undefined {
  if (signal >= SIGRTMIN && signal <= LAST_SIGNAL) {
    return signal === SIGRTMIN ? 'SIGRTMIN' : `SIGRTMIN+${signal - SIGRTMIN}`;
  }
  return NAMES.get(signal);
}
