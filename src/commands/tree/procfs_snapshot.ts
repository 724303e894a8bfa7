/** A procfs snapshot of running processes, without history. It is drawn when no extension answers. */
import { processAncestryTree } from '../../../tables/process_ancestry_tree.ts';
import { loadNative } from '../../collect/native.ts';
import { Procfs, type ProcReader } from '../../collect/procfs.ts';
import { readBootId } from '../../linux/boot_id.ts';
import { ProcessTable } from '../../process/process_table.ts';
import type { RedactPattern } from '../../process/redact_pattern.ts';
import { redactedProc } from '../../process/redacted_proc.ts';
import { OwnTables, type TableReader } from './table_reader.ts';

/** `patterns`: redaction of arguments. */
export function procfsSnapshot(patterns: readonly RedactPattern[] = [], host: ProcReader = new Procfs()): TableReader {
  const proc = redactedProc(host, () => patterns);
  const processes = new ProcessTable({
    bootId: readBootId(),
    bootToUnixMs: loadNative().bootToUnixMs(),
    cacheSize: 50_000,
    cacheTtlSeconds: 604_800,
    now: () => performance.now(),
    proc,
  });
  processes.adopt(proc.pids().flatMap((pid) => proc.read(pid) ?? []));
  return new OwnTables([processAncestryTree(() => [processes])]);
}
