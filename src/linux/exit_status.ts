/** What a shell says of a status as wait(2) gives it: the exit code, or 128 and the signal. */
export function exitCodeOf(status: number): number {
  const signal = status & 0x7f;
  return signal === 0 ? (status >> 8) & 0xff : 128 + signal;
}
