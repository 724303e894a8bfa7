/** What /proc shows now, where no extension can be asked: the living, without a past. */
import { readFileSync } from 'node:fs';
import { processAncestryTree } from '../../tables/process_ancestry_tree.ts';
import { ProcessTable } from '../process/process_table.ts';
import { Procfs, type ProcReader } from '../process/procfs.ts';
import { OwnTables, type TableReader } from './table_reader.ts';

export function living(proc: ProcReader = new Procfs()): TableReader {
  const processes = new ProcessTable({
    bootId: read('/proc/sys/kernel/random/boot_id').trim(),
    bootToUnixMs: Date.now() - Number(read('/proc/uptime').split(' ')[0]) * 1000,
    cacheSize: 50_000,
    cacheTtlSeconds: 604_800,
    now: () => performance.now(),
    proc,
  });
  processes.adopt(proc.pids().flatMap((pid) => proc.read(pid) ?? []));
  return new OwnTables([processAncestryTree(() => processes)]);
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
