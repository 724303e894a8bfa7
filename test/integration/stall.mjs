// Preloaded into the extension: a signal makes its event loop stand still for STALL_MS, and on until the machine has forked
// STALL_FORKS times meanwhile.
import { readFileSync, writeSync } from 'node:fs';

const forks = () => Number(/^processes (\d+)/m.exec(readFileSync('/proc/stat', 'utf8'))?.[1]);

process.on('SIGUSR2', () => {
  const began = performance.now();
  const before = forks();
  const wanted = Number(process.env.STALL_FORKS ?? 0);
  for (let until = began + Number(process.env.STALL_MS); ; until = performance.now() + 20) {
    while (performance.now() < until);
    if (forks() - before >= wanted || performance.now() - began > 10_000) break;
  }
  writeSync(2, `stalled for ${Math.round(performance.now() - began)} ms and ${forks() - before} forks\n`);
});
