/** Signals by name, as `kill -l` says them (man 7 signal). */
import { constants } from 'node:os';

/** The first of the signals that only user space knows; glibc keeps the two before it for threads. */
const SIGRTMIN = 34;
const LAST_SIGNAL = 64;

const NAMES = new Map<number, string>();
for (const [name, number] of Object.entries(constants.signals)) {
  if (!NAMES.has(number)) NAMES.set(number, name);
}

/** SIGKILL of 9; undefined for what is no signal. */
export function signalName(signal: number): string | undefined {
  if (signal >= SIGRTMIN && signal <= LAST_SIGNAL) {
    return signal === SIGRTMIN ? 'SIGRTMIN' : `SIGRTMIN+${signal - SIGRTMIN}`;
  }
  return NAMES.get(signal);
}
