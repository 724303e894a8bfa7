import { join } from 'node:path';
import type { ResultLimit } from '../../../src/osquery/answer_builder.ts';
import { bigint, text } from '../../../src/osquery/column.ts';
import { ExtensionClient } from '../../../src/osquery/extension_client.ts';
import { ExtensionServer, type ServerLimits } from '../../../src/osquery/extension_server.ts';
import type { ProtocolLimits } from '../../../src/osquery/protocol.ts';
import { decodeReply } from '../../../src/osquery/reply_decoder.ts';
import { encodeResponseReply } from '../../../src/osquery/reply_encoder.ts';
import type { Response, Status } from '../../../src/osquery/response.ts';
import { type EncodedTable, type OnValueError, ResponseEncoder } from '../../../src/osquery/response_encoder.ts';
import type { TablePlugin } from '../../../src/osquery/table_plugin.ts';
import { readResponse } from '../../../src/osquery/thrift_structs.ts';
import { afterwards, directory, recorder } from './sandbox.ts';

/** The whole reply to a `call`, in chunks. */
export function* encodeResponse<Row>(
  seqid: number,
  status: Status,
  table: EncodedTable<Row>,
  columnsUsed: ReadonlySet<string> | undefined,
  rows: readonly Row[],
  onValueError?: OnValueError,
): Generator<Buffer, void, void> {
  const encoder = new ResponseEncoder(seqid, status, table, columnsUsed, onValueError);
  for (const row of rows) encoder.row(row);
  // A chunk is valid until the next one is taken.
  for (const chunk of encoder.end()) yield Buffer.from(chunk);
}

/** The reply to a `call`, decoded. */
export function decodeResponse(reply: Buffer, seqid: number, limits: ProtocolLimits): Response {
  return decodeReply(reply, 'call', seqid, limits, readResponse);
}

/** The reply to a `call`, of these records. */
export function encodeRecords(seqid: number, status: Status, rows: Response['rows']): Buffer {
  return encodeResponseReply('call', seqid, { status, rows });
}

export const GENERATE = { action: 'generate', context: '{"constraints":[]}' };

export interface Numbered {
  n: number;
}

/** A table `numbers` of so many rows, or of those that a function gives. */
export function numbers(count: number | TablePlugin<Numbered>['generate']): TablePlugin<Numbered> {
  return {
    name: 'numbers',
    description: 'from 0',
    columns: [bigint('n', '', ({ n }: Numbered) => n), text('t', '', ({ n }: Numbered) => `text ${n}`)],
    rowid: ({ n }) => n,
    generate: typeof count === 'function' ? count : () => Array.from({ length: count }, (_, n) => ({ n })),
  };
}

/** Rows of 1,000 bytes on the wire and a little more, which have nothing in common. */
export function large(rows: number): TablePlugin<Numbered> {
  return { ...numbers(rows), columns: [text('t', '', ({ n }: Numbered) => String(n).padEnd(1000, 'x'))] };
}

/** Serves tables until the test is over. */
export async function serve(
  tables: readonly TablePlugin<unknown>[] = [numbers(3)],
  limits: Partial<ServerLimits> = {},
  resultMaxBytes?: ResultLimit,
) {
  const log = recorder();
  let shutdowns = 0;
  const server = new ExtensionServer({
    path: join(directory(), 'o.20658'),
    uuid: '20658',
    tables,
    log,
    limits,
    ...(resultMaxBytes ? { resultMaxBytes } : {}),
    onShutdown: () => {
      shutdowns += 1;
    },
  });
  await server.listen();
  afterwards(() => server.close());
  return { server, path: server.path, log, client: new ExtensionClient(server.path), shutdowns: () => shutdowns };
}
