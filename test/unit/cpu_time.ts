/** CPU time in milliseconds that this process has used so far: unlike the clock's, not that of whatever else is running. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** For a test of real time: a busy machine is given another chance, and code that is too slow fails each. */
export const REAL_TIME = { retry: 3 };
