/** Reads a whole table in its own process: reading_process.ts SOCKET TABLE. Prints the numbers of rows and columns. */
import { ExtensionClient } from '../../src/osquery/index.ts';

const [, , socketPath = '', table = ''] = process.argv;
const client = new ExtensionClient(socketPath, { timeoutMs: 600_000, maxResponseBytes: 1 << 30 });
const { status, rows } = await client.call('table', table, { action: 'generate', context: '{"constraints":[]}' });
const last = Object.entries(rows.at(-1) ?? {});
process.stdout.write(
  JSON.stringify({ code: status.code, rows: rows.length, columns: last.length, last: Object.fromEntries(last) }),
);
