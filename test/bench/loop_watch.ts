/**
 * Loaded into an extension by NODE_OPTIONS: on SIGUSR2 it writes the longest block of the event loop since the last signal,
 * in milliseconds, into the file from the environment.
 */
import { renameSync, writeFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';

/** Wakes the process as rarely as the precision allows. */
const RESOLUTION_MS = 5;

const file = process.env.BENCH_LOOP_FILE;
if (file !== undefined) {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  process.on('SIGUSR2', () => {
    const held = delay.count === 0 ? 0 : Math.max(0, delay.max / 1e6 - RESOLUTION_MS);
    delay.reset();
    writeFileSync(`${file}.new`, String(held));
    renameSync(`${file}.new`, file);
  });
}
