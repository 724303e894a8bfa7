/** Reads all rows of process_ancestry_events as bytes and says how many: draining_process.ts SOCKET. */
import { connect } from 'node:net';
import { ColumnOption } from '../../src/osquery/column.ts';
import { encodeCall } from '../../src/osquery/request.ts';
import { columns } from '../../tables/process_ancestry_events.ts';

/** As SELECT * has them. */
const colsUsed = columns.filter(({ options }) => !(options & ColumnOption.hidden)).map(({ name }) => name);
const socket = connect(process.argv[2] ?? '');
let bytes = 0;
let tail = Buffer.alloc(0);
socket.write(
  encodeCall(0, 'table', 'process_ancestry_events', {
    action: 'generate',
    context: JSON.stringify({ constraints: [], colsUsed }),
  }),
);
socket.on('data', (chunk: Buffer) => {
  bytes += chunk.length;
  tail = Buffer.concat([tail, chunk]).subarray(-2);
  // The reply ends with the ends of two structures, and rows with text: no row ends so within a chunk by chance for long.
  clearTimeout(timer);
  timer = setTimeout(finish, tail[0] === 0 && tail[1] === 0 ? 20 : 2000);
});
let timer = setTimeout(finish, 30_000);

function finish(): void {
  process.stdout.write(String(bytes));
  socket.destroy();
}
