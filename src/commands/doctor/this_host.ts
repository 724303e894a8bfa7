/** The host that this process runs on. */
import { lstatSync, readdirSync, readFileSync, readlinkSync, realpathSync, type Stats, statfsSync } from 'node:fs';
import { cpus, uptime } from 'node:os';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { RULE_KEY } from '../../collect/live.ts';
import {
  loadNative,
  type NativeAuditInspection,
  type NativeProblem,
  NativeUnavailableError,
} from '../../collect/native.ts';
import { ManagerClient } from '../../osquery/index.ts';
import { messageOf } from '../../text/error_message.ts';
import type { FileFacts, Host } from './host.ts';
import { type OsqueryView, readOsqueryView } from './osquery_view.ts';

interface ThisHostOptions {
  readonly extensionPath: string;
  readonly socketPath: string;
  readonly databasePath: Host['databasePath'];
}

/** Timeout of each request to osquery. */
const ANSWER_MS = 3000;
const READ_MS = 200;

export class ThisHost implements Host {
  readonly extensionPath: string;
  readonly socketPath: string;
  readonly databasePath: Host['databasePath'];
  readonly uid = process.geteuid?.() ?? 0;
  readonly cpus = cpus().length;
  #osquery: Promise<OsqueryView> | undefined;
  #audit: NativeAuditInspection | undefined;
  #ebpf: readonly NativeProblem[] | undefined;

  constructor({ extensionPath, socketPath, databasePath }: ThisHostOptions) {
    this.extensionPath = extensionPath;
    this.socketPath = socketPath;
    this.databasePath = databasePath;
  }

  file(path: string): FileFacts | undefined {
    const found = orUndefined(() => lstatSync(path));
    if (!found) return undefined;
    const { uid, gid, mode, size, dev, ino } = found;
    return { kind: kindOf(found), uid, gid, mode: mode & 0o7777, bytes: size, device: dev, inode: ino };
  }

  realPath(path: string): string | undefined {
    return orUndefined(() => realpathSync(path));
  }

  text(path: string): string | undefined {
    return orUndefined(() => readFileSync(path, 'utf8'));
  }

  link(path: string): string | undefined {
    return orUndefined(() => readlinkSync(path));
  }

  freeBytes(path: string): number | undefined {
    const found = orUndefined(() => statfsSync(path));
    return found && found.bavail * found.bsize;
  }

  osquery(): Promise<OsqueryView> {
    this.#osquery ??= this.#readOsquery();
    return this.#osquery;
  }

  async #readOsquery(): Promise<OsqueryView> {
    const client = new ManagerClient(this.socketPath, ANSWER_MS);
    const listener = (uuid: string) => {
      if (this.nativeError !== undefined) return undefined;
      const pid = loadNative().listenerOf(`${this.socketPath}.${uuid}`);
      return pid > 0 ? pid : undefined;
    };
    try {
      return await readOsqueryView(client, listener, Date.now() / 1000 - uptime());
    } finally {
      client.close();
    }
  }

  get nativeError(): string | undefined {
    try {
      loadNative();
      return undefined;
    } catch (error) {
      if (!(error instanceof NativeUnavailableError)) throw error;
      return error.message;
    }
  }

  ebpf(): readonly NativeProblem[] {
    this.#ebpf ??= loadNative().trySensor('ebpf', RULE_KEY);
    return this.#ebpf;
  }

  audit(): NativeAuditInspection {
    this.#audit ??= loadNative().inspectAudit(RULE_KEY);
    return this.#audit;
  }

  connectorError(): number {
    return loadNative().connectorError();
  }

  databaseDamage(path: string): string | undefined {
    // immutable: SQLite creates neither a lock nor a file beside the database (sqlite.org/uri.html).
    const url = pathToFileURL(path);
    url.search = '?immutable=1';
    return readingError(url, (db) => {
      const [found] = Object.values(db.prepare('PRAGMA quick_check(1)').get() ?? {});
      if (found !== 'ok') throw new Error(String(found));
    });
  }

  databaseReadError(path: string): string | undefined {
    return readingError(path, (db) => void db.prepare('SELECT eid FROM last_row').get());
  }

  livingProcesses(): number | undefined {
    try {
      return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).length;
    } catch {
      return undefined;
    }
  }

  clock(): { unixSeconds: number; uptimeSeconds: number; synchronized: boolean } {
    return {
      unixSeconds: Date.now() / 1000,
      uptimeSeconds: uptime(),
      synchronized: loadNative().clockIsSynchronized(),
    };
  }
}

function kindOf(found: Stats): FileFacts['kind'] {
  if (found.isFile()) return 'file';
  if (found.isDirectory()) return 'directory';
  if (found.isSocket()) return 'socket';
  return found.isSymbolicLink() ? 'link' : 'other';
}

function readingError(path: string | URL, read: (db: DatabaseSync) => void): string | undefined {
  try {
    const db = new DatabaseSync(path, { readOnly: true, timeout: READ_MS });
    try {
      read(db);
    } finally {
      db.close();
    }
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

/** Undefined for what cannot be read. Each check decides what that means. */
function orUndefined<Value>(read: () => Value): Value | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof Error && 'code' in error) return undefined;
    throw error;
  }
}
