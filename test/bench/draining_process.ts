/** Reads all rows of process_ancestry_events as bytes and says how many: draining_process.ts SOCKET COLUMN... */
import { connect } from 'node:net';
import { encodeCall } from '../../src/osquery/request.ts';

const [, , path = '', ...colsUsed] = process.argv;
const socket = connect(path);
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
