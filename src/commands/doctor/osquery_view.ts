/** Reads the state of osquery and the extension over osquery's socket. */

import type { ManagerClient } from '../../osquery/index.ts';
import { messageOf } from '../../text/error_message.ts';

export type Row = Readonly<Record<string, string>>;

export interface OsqueryView {
  /** Error of the request to osquery; undefined when osquery answers. */
  readonly error: string | undefined;
  /** The extension in osquery's list of extensions. */
  readonly extension: { readonly uuid: string; readonly version: string; readonly pid: number | undefined } | undefined;
  /** The row of process_ancestry_cache_stats. */
  readonly stats: Row | undefined;
  /** Why `stats` is undefined. */
  readonly statsError: string | undefined;
  /** osquery's flags by name; empty when they cannot be read. */
  readonly flags: Row;
  /** Time of the oldest row since the boot, by both clocks. */
  readonly oldest: { readonly unixSeconds: number; readonly uptimeSeconds: number } | undefined;
}

const UNREACHABLE: Omit<OsqueryView, 'error'> = {
  extension: undefined,
  stats: undefined,
  statsError: undefined,
  flags: {},
  oldest: undefined,
};

const NAME = 'process_ancestry';

/** @param bootUnixSeconds boot time by the current clock */
export async function readOsqueryView(
  client: ManagerClient,
  pidOf: (uuid: string) => number | undefined,
  bootUnixSeconds: number,
): Promise<OsqueryView> {
  let known: Awaited<ReturnType<ManagerClient['extensions']>>;
  try {
    await client.ping();
    known = await client.extensions();
  } catch (error) {
    return { ...UNREACHABLE, error: messageOf(error) };
  }
  const [uuid, info] = [...known].find(([, { name }]) => name === NAME) ?? [];
  const extension = uuid && info ? { uuid, version: info.version, pid: pidOf(uuid) } : undefined;
  const flagRows = await rows(client, 'SELECT name, value FROM osquery_flags');
  const flags = Object.fromEntries((flagRows.rows ?? []).map(({ name = '', value = '' }) => [name, value]));
  if (!extension) return { ...UNREACHABLE, error: undefined, flags };
  const stats = await rows(client, 'SELECT * FROM process_ancestry_cache_stats');
  // The database may contain rows from before the boot, with the uptime of an earlier boot.
  const sql = `SELECT time, uptime FROM process_ancestry_events WHERE time > ${Math.ceil(bootUnixSeconds) + 60} LIMIT 1`;
  const first = (await rows(client, sql)).rows?.[0];
  return {
    error: undefined,
    extension,
    stats: stats.rows?.[0],
    statsError: stats.rows?.[0] ? undefined : (stats.error ?? 'no row'),
    flags,
    oldest: first && { unixSeconds: Number(first.time), uptimeSeconds: Number(first.uptime) },
  };
}

async function rows(client: ManagerClient, sql: string): Promise<{ rows?: readonly Row[]; error?: string }> {
  try {
    const { status, rows } = await client.query(sql);
    return status.code === 0 ? { rows } : { error: status.message };
  } catch (error) {
    return { error: messageOf(error) };
  }
}
