// Preloaded into the extension: SIGUSR2 blocks its event loop until the file STALL_UNTIL exists.
import { existsSync, writeSync } from 'node:fs';

const cell = new Int32Array(new SharedArrayBuffer(4));

process.on('SIGUSR2', () => {
  writeSync(2, 'the event loop stands still\n');
  while (!existsSync(process.env.STALL_UNTIL)) Atomics.wait(cell, 0, 0, 10);
});
