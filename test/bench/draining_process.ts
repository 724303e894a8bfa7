/** Reads all rows of process_ancestry_events as bytes and prints the number: draining_process.ts SOCKET COLUMN... */
import { MessageSocket } from '../../src/osquery/message_socket.ts';
import { REQUEST_LIMITS } from '../../src/osquery/protocol.ts';
import { encodeCall } from '../../src/osquery/request.ts';

const TIMEOUT_MS = 60_000;
/** An error is shorter than the rows. */
const LEAST_BYTES = 1_000_000;

const [, , path = '', ...colsUsed] = process.argv;
const socket = await MessageSocket.connect(path, TIMEOUT_MS, { ...REQUEST_LIMITS, maxMessageBytes: 1 << 30 });
const context = JSON.stringify({ constraints: [], colsUsed });
const request = encodeCall(0, 'table', 'process_ancestry_events', { action: 'generate', context });
const reply = await socket.exchange(request, TIMEOUT_MS);
socket.close();
if (reply.length < LEAST_BYTES) throw new Error(`the rows were not answered: ${reply.toString('latin1')}`);
process.stdout.write(String(reply.length));
