/** The host as the checks see it. Whatever is asked of it changes nothing. */
import type { NativeAuditInspection, NativeProblem } from '../../collect/native.ts';
import type { OsqueryView } from './osquery_view.ts';

/** Of an entry of a directory itself, not of what a link points to. */
export interface FileFacts {
  readonly kind: 'file' | 'directory' | 'socket' | 'link' | 'other';
  readonly uid: number;
  readonly gid: number;
  /** The twelve bits that chmod sets. */
  readonly mode: number;
  readonly bytes: number;
  readonly device: number;
  readonly inode: number;
}

export interface Host {
  /** The extension's executable, absolute. */
  readonly extensionPath: string;
  /** osquery's extension socket, absolute. */
  readonly socketPath: string;
  /** Where rows are kept: a directory, or `:memory:`. `osqueryDatabase` is where osquery says that its own is. */
  databasePath(osqueryDatabase: string | undefined): string;
  /** Of this process. */
  readonly uid: number;
  /** Undefined where there is nothing, or nothing that this process may see. */
  file(path: string): FileFacts | undefined;
  /** The same path without links; undefined where it leads nowhere. */
  realPath(path: string): string | undefined;
  /** Undefined where it cannot be read. */
  text(path: string): string | undefined;
  /** What a link says, and undefined where there is none. */
  link(path: string): string | undefined;
  /** Of the file system that this is on. */
  freeBytes(path: string): number | undefined;
  /** osquery and the extension, asked once. Never rejects. */
  osquery(): Promise<OsqueryView>;
  /** Why the native collector cannot be loaded; undefined when it can. Without it, what follows throws that. */
  readonly nativeError: string | undefined;
  /**
   * What keeps eBPF from working, found by loading the programs and letting go of them; empty where it works.
   *
   * @throws {NativeUnavailableError}
   */
  ebpf(): readonly NativeProblem[];
  /** @throws {NativeUnavailableError} */
  audit(): NativeAuditInspection;
  /**
   * An errno, 0 when the proc connector can be bound.
   *
   * @throws {NativeUnavailableError}
   */
  connectorError(): number;
  /** What is wrong in a database that nobody has open; undefined when nothing is. */
  databaseDamage(path: string): string | undefined;
  /** Opens a database that is in use, to read; what went wrong, or undefined. */
  databaseReadError(path: string): string | undefined;
  /** @throws {NativeUnavailableError} */
  clock(): { readonly unixSeconds: number; readonly uptimeSeconds: number; readonly synchronized: boolean };
  readonly cpus: number;
  /** Processes that live, of the kernel too; undefined where /proc cannot be listed. */
  livingProcesses(): number | undefined;
}
