/**
 * An SDK for osquery extensions that serve tables; README.md of this folder explains it.
 *
 * This file is the public interface. Code outside this folder imports from here only, with one exception: log.ts, which
 * the recorder uses without the rest. Tests of the inner modules, and benchmarks of the wire format, import those modules.
 * No file of this folder imports from outside it.
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
  JSON_NULL,
  json,
  routes,
  text,
} from './column.ts';
export { rowMatcher, rowMatcherInPieces } from './constraint.ts';
export { equalIntegers, equalTexts } from './equality.ts';
export { type ExitReason, Extension, type ExtensionOptions, type Registration } from './extension.ts';
export { ExtensionClient, type ExtensionClientOptions } from './extension_client.ts';
export { ExtensionError, type ExtensionErrorCode } from './extension_error.ts';
export { NO_COUNTS, type ServerCounts, type ServerLimits } from './extension_server.ts';
export { integerBounds } from './integer_bounds.ts';
export { type LaunchOptions, launchOptions } from './launch_options.ts';
export { type Log, RateLimit, silentLog } from './log.ts';
export { ManagerClient } from './manager_client.ts';
export { type ManagerService, serveManager } from './manager_server.ts';
export { type Pieces, runToEnd } from './pieces.ts';
export {
  type Constraint,
  type ConstraintOp,
  parseQueryContext,
  type QueryContext,
  QueryContextError,
} from './query_context.ts';
export type { ExtensionInfo, OptionInfo, Registry, Response, Status } from './response.ts';
export { RowIds } from './row_ids.ts';
export { MAX_SOCKET_PATH_BYTES } from './socket_path.ts';
export { parseSqliteNumber, type SqliteNumber } from './sqlite_number.ts';
export { removeStaleSocket } from './stale_socket.ts';
export type { Answer, TablePlugin } from './table_plugin.ts';
