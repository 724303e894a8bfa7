/**
 * A small SDK for osquery extensions: tables in, an extension out. All there is to one:
 *
 *     import { bigint, Extension, text } from './index.ts';
 *
 *     const uptime = {
 *       name: 'node_uptime',
 *       description: 'How long this extension has been running.',
 *       columns: [
 *         bigint('seconds', 'Since it was started', (row: { seconds: number }) => row.seconds),
 *         text('version', 'Of Node.js', () => process.version),
 *       ],
 *       rowid: () => 1,
 *       generate: () => [{ seconds: Math.floor(process.uptime()) }],
 *     };
 *     const socketPath = process.argv[process.argv.indexOf('--socket') + 1] ?? '';
 *     await new Extension({ name: 'uptime', version: '1.0.0', socketPath, plugins: [uptime] }).run();
 *
 * `osqueryi --nodisable_extensions --extensions_socket /tmp/o.em`, then `node uptime.ts --socket /tmp/o.em`, and
 * `SELECT * FROM node_uptime`. `run` resolves when osquery, or the end of its watcher, tells the extension to leave.
 */

export type { ResultLimit } from './answer_builder.ts';
export type { AnswerReport } from './answer_report.ts';
export {
  bigint,
  type Column,
  ColumnOption,
  type ColumnType,
  type ColumnValue,
  double,
  integer,
  json,
  routes,
  text,
} from './column.ts';
export { matcher, rowMatcher, type ValuePredicate } from './constraint.ts';
export { type ExitReason, Extension, type ExtensionOptions, type Registration } from './extension.ts';
export { ExtensionClient, type ExtensionClientOptions } from './extension_client.ts';
export { ExtensionError, type ExtensionErrorCode } from './extension_error.ts';
export {
  ExtensionServer,
  type ExtensionServerOptions,
  SERVER_LIMITS,
  type ServerCounts,
  type ServerLimits,
} from './extension_server.ts';
export { integerBounds } from './integer_bounds.ts';
export { type Log, silentLog } from './log.ts';
export { type ExtensionInfo, ManagerClient, type OptionInfo, type Registry } from './manager_client.ts';
export {
  type Constraint,
  type ConstraintOp,
  parseQueryContext,
  type QueryContext,
  QueryContextError,
} from './query_context.ts';
export type { ReceivedStatus, Response } from './response_decoder.ts';
export { RowIds } from './row_ids.ts';
export { checkSocketPath, MAX_SOCKET_PATH_BYTES } from './socket_path.ts';
export type { Answer, TablePlugin } from './table_plugin.ts';
