/** The host as the checks see it. No method changes the host. */
import type { NativeAuditInspection, NativeProblem } from '../../collect/native.ts';
import type { OsqueryView } from './osquery_view.ts';

/** Result of lstat: a link is not followed. */
export interface FileFacts {
  readonly kind: 'file' | 'directory' | 'socket' | 'link' | 'other';
  readonly uid: number;
  readonly gid: number;
  /** Permission bits (07777). */
  readonly mode: number;
  readonly bytes: number;
  readonly device: number;
  readonly inode: number;
}

export interface Host {
  /** Absolute path of the extension's executable. */
  readonly extensionPath: string;
  /** Absolute path of osquery's extension socket. */
  readonly socketPath: string;
  /** Directory of the row database, or `:memory:`. `osqueryDatabase` is the path of osquery's database. */
  databasePath(osqueryDatabase: string | undefined): string;
  /** Effective uid of this process. */
  readonly uid: number;
  /** Undefined when the path does not exist or this process may not see it. */
  file(path: string): FileFacts | undefined;
  /** The path with links resolved; undefined when it does not exist. */
  realPath(path: string): string | undefined;
  /** Content of a file; undefined when it cannot be read. */
  text(path: string): string | undefined;
  /** Target of a link; undefined when there is no link. */
  link(path: string): string | undefined;
  /** Free bytes of the file system of this path. */
  freeBytes(path: string): number | undefined;
  /** State of osquery and the extension, read once. Never rejects. */
  osquery(): Promise<OsqueryView>;
  /** Why the native collector cannot be loaded; undefined when it can. If set, the methods below throw it. */
  readonly nativeError: string | undefined;
  /**
   * Loads and unloads the eBPF programs. Returns the problems; empty when eBPF works.
   *
   * @throws {NativeUnavailableError}
   */
  ebpf(): readonly NativeProblem[];
  /** @throws {NativeUnavailableError} */
  audit(): NativeAuditInspection;
  /**
   * Errno of binding the proc connector; 0 on success.
   *
   * @throws {NativeUnavailableError}
   */
  connectorError(): number;
  /** Integrity check of a database that is not open elsewhere; undefined when it is intact. */
  databaseDamage(path: string): string | undefined;
  /** Error of reading a database that is in use; undefined on success. */
  databaseReadError(path: string): string | undefined;
  /** @throws {NativeUnavailableError} */
  clock(): { readonly unixSeconds: number; readonly uptimeSeconds: number; readonly synchronized: boolean };
  readonly cpus: number;
  /** Number of running processes, kernel threads included; undefined when /proc cannot be listed. */
  livingProcesses(): number | undefined;
}
