import { routes } from './column.ts';
import type { EventLoopShare } from './event_loop_share.ts';
import { messageOf } from './extension_error.ts';
import { inTurns } from './pieces.ts';
import { ONE_PIECE_LENGTH, parseQueryContext, parseQueryContextInPieces, type QueryContext } from './query_context.ts';
import type { TablePlugin } from './table_plugin.ts';

/** The outcome of a `call`, before it is encoded. */
export type CallOutcome =
  | {
      readonly kind: 'rows';
      readonly table: TablePlugin<unknown>;
      readonly columnsUsed: ReadonlySet<string> | undefined;
      /** An `undefined` row is a pause. */
      readonly rows: Iterable<unknown> | Promise<Iterable<unknown>>;
      /** Reports to the table that the kernel has taken the whole answer. */
      readonly delivered: () => void;
      /** Reports to the table that the peer did not read the whole answer. */
      readonly unread: () => void;
      /** Sets the source of `Answer.byteCount`. */
      readonly measure: (byteCount: () => number) => void;
    }
  | { readonly kind: 'records'; readonly records: readonly Readonly<Record<string, string>>[] }
  /** The query fails: status code 1 with this message. */
  | { readonly kind: 'failed'; readonly message: string };

const READ_ONLY: readonly Readonly<Record<string, string>>[] = [{ status: 'readonly' }];

/** The registry of tables: the only registry that is served. */
export const TABLE_REGISTRY = 'table';

/** Runs an action of a table: `generate`, `columns`, and the writes, which every table refuses. */
export function callTable(
  tables: ReadonlyMap<string, TablePlugin<unknown>>,
  registry: string,
  item: string,
  request: ReadonlyMap<string, string>,
  share: EventLoopShare,
): CallOutcome | Promise<CallOutcome> {
  if (registry !== TABLE_REGISTRY) {
    return failed(`no registry ${quoted(registry)}: this extension has "${TABLE_REGISTRY}"`);
  }
  const table = tables.get(item);
  if (table === undefined)
    return failed(`no table ${quoted(item)}: this extension has ${[...tables.keys()].join(', ')}`);
  const action = request.get('action');
  switch (action) {
    case 'generate':
      return generate(table, request.get('context'), share);
    case 'columns':
      return { kind: 'records', records: routes(table) };
    case 'insert':
    case 'update':
    case 'delete':
      return { kind: 'records', records: READ_ONLY };
    case undefined:
      return failed(`${table.name}: the request has no action`);
    default:
      return failed(`${table.name}: no action ${quoted(action)}`);
  }
}

function generate(
  table: TablePlugin<unknown>,
  json: string | undefined,
  share: EventLoopShare,
): CallOutcome | Promise<CallOutcome> {
  if (json === undefined) return failed(`${table.name}: the request has no context`);
  const fail = (error: unknown) => failed(`${table.name}: ${messageOf(error)}`);
  if (json.length > ONE_PIECE_LENGTH) {
    const parsed = inTurns(parseQueryContextInPieces(json, table.columns), share);
    return parsed.then((context) => rowsFor(table, context)).catch(fail);
  }
  try {
    return rowsFor(table, parseQueryContext(json, table.columns));
  } catch (error) {
    return fail(error);
  }
}

function rowsFor(table: TablePlugin<unknown>, context: QueryContext): CallOutcome {
  const onDelivered: (() => void)[] = [];
  const onUnread: (() => void)[] = [];
  let byteCount = () => 0;
  const rows = table.generate(context, {
    onDelivered: (listener) => void onDelivered.push(listener),
    onUnread: (listener) => void onUnread.push(listener),
    byteCount: () => byteCount(),
  });
  const measure = (count: () => number) => {
    byteCount = count;
  };
  const tell = (listeners: readonly (() => void)[]) => () => {
    for (const listener of listeners) listener();
  };
  const { columnsUsed } = context;
  return { kind: 'rows', table, columnsUsed, rows, measure, delivered: tell(onDelivered), unread: tell(onUnread) };
}

function failed(message: string): CallOutcome {
  return { kind: 'failed', message };
}

function quoted(text: string): string {
  return JSON.stringify(text.length > 64 ? `${text.slice(0, 64)}…` : text);
}
