/** The exit code of a wait(2) status as in a shell: the exit code, or 128 plus the signal. */
export function exitCodeOf(status: number): number {
  const signal = status & 0x7f;
  return signal === 0 ? (status >> 8) & 0xff : 128 + signal;
}
