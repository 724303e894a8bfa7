import { readFileSync } from 'node:fs';
import thrift from 'thrift';
import type { Column, ColumnType } from '../../../src/osquery/column.ts';
import type { Registry } from '../../../src/osquery/response.ts';
import { RowIds } from '../../../src/osquery/row_ids.ts';
import type { TablePlugin } from '../../../src/osquery/table_plugin.ts';
import ExtensionManager from '../../../thrift/gen-nodejs/ExtensionManager.js';
import type types from '../../../thrift/gen-nodejs/osquery_types.js';

/** What osquery 5.23.1 sent and was sent: test/fixtures/osquery-wire, decoded by Thrift's own library. */

const folder = new URL('../../fixtures/osquery-wire/', import.meta.url);

function lines<T>(file: string): T[] {
  return readFileSync(new URL(file, folder), 'utf8')
    .trim()
    .split('\n')
    .map((line): T => JSON.parse(line));
}

export interface RecordedQuery {
  sql: string;
  status: { code: number; message: string };
  rows: number;
  calls: { registry: string; item: string; request: Record<string, string> }[];
}

export const QUERIES = lines<RecordedQuery>('queries.jsonl');
export const QUERIES_WITHOUT_DEFAULT_INDEX = lines<RecordedQuery>('queries-no-default-index.jsonl');
export const OPTIONS: Record<string, { value: string; default_value: string; type: string }> = JSON.parse(
  readFileSync(new URL('options.json', folder), 'utf8'),
);

/** What osquery sent on a connection to the extension's socket, and what it was answered. */
export interface Exchange {
  request: Buffer;
  reply: Buffer;
}

const frames = lines<{ conn: number; side: string; dir: string; hex: string }>('frames.jsonl').map((frame) => ({
  ...frame,
  bytes: Buffer.from(frame.hex, 'hex'),
}));

export const EXCHANGES: Exchange[] = frames
  .filter(({ side, dir }) => side === 'accepted' && dir === 'from_osquery')
  .map((request) => ({
    request: request.bytes,
    reply: Buffer.concat(
      frames.filter(({ conn, dir }) => conn === request.conn && dir === 'to_osquery').map(({ bytes }) => bytes),
    ),
  }));

/** What the extension sent to the manager, first to last: registerExtension, options, ping, ping, … */
export const SENT_TO_MANAGER = frames
  .filter(({ side, dir }) => side === 'connected' && dir === 'to_osquery')
  .map(({ bytes }) => bytes);
/** The answers to them, in one piece. */
export const SENT_BY_MANAGER = Buffer.concat(
  frames.filter(({ side, dir }) => side === 'connected' && dir === 'from_osquery').map(({ bytes }) => bytes),
);

function decodeRegistration(): { info: types.InternalExtensionInfo; registry: Registry } {
  const [bytes] = SENT_TO_MANAGER;
  if (bytes === undefined) throw new Error('no registration was recorded');
  let registered: { info: types.InternalExtensionInfo; registry: Registry } | undefined;
  const processor = new ExtensionManager.Processor({
    registerExtension: (info: types.InternalExtensionInfo, registry: Registry) => {
      registered = { info, registry };
      return Promise.resolve(null);
    },
  });
  thrift.TBufferedTransport.receiver((transport) => {
    const output = new thrift.TBinaryProtocol(new thrift.TBufferedTransport(undefined, () => {}));
    processor.process(new thrift.TBinaryProtocol(transport, true), output);
  }, 0)(bytes);
  if (registered === undefined) throw new Error('no registration was recorded');
  return registered;
}

export const REGISTRATION = decodeRegistration();

type Row = Record<string, string>;

function isType(type: string): type is ColumnType {
  return ['TEXT', 'INTEGER', 'BIGINT', 'DOUBLE'].includes(type);
}

/** Numbers rows from 1, as they are first asked for. */
function rowidOf(): (row: Row) => number {
  const rowids = new RowIds<Row>();
  return (row) => rowids.of(row);
}

/** The tables of the stub that was recorded, with the columns that it registered. */
export function recordedTables(rows: (table: string) => Iterable<Row> | Promise<Iterable<Row>>): TablePlugin<Row>[] {
  return Object.entries(REGISTRATION.registry.table ?? {}).map(([name, declared]) => ({
    name,
    description: '',
    columns: declared
      .filter(({ id }) => id === 'column')
      .map((route): Column<Row> => {
        const column = route.name ?? '';
        const type = route.type ?? '';
        if (!isType(type)) throw new Error(`no type ${type}`);
        return { name: column, type, options: Number(route.op), description: '', value: (row) => row[column] ?? '' };
      }),
    rowid: rowidOf(),
    generate: () => rows(name),
  }));
}
