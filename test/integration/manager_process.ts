/** A manager in its own process, which can be killed: manager_process.ts SOCKET. Prints `listening` on stdout. */
import { EmbeddedManager } from '../../src/commands/shell/embedded_manager.ts';

const [, , socketPath = ''] = process.argv;
await new EmbeddedManager({ socketPath }).start();
process.stdout.write('listening\n');
setInterval(() => undefined, 60_000);
