/** Requests a subscriber's rows and exits after the first bytes of the answer: leaving_process.ts SOCKET NAME. */
import { connect } from 'node:net';
import { encodeCall } from '../../src/osquery/request.ts';

const [, , path = '', name = ''] = process.argv;
const context = JSON.stringify({
  constraints: [{ name: 'subscriber', list: [{ op: 2, expr: name }], affinity: 'TEXT' }],
});
const socket = connect({ path, onread: { buffer: Buffer.alloc(1024), callback: leave } });
socket.write(encodeCall(0, 'table', 'process_ancestry_events', { action: 'generate', context }));

function leave(): boolean {
  socket.destroy();
  return false;
}
