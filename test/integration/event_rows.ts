/** Rows made only from a sensor's events, in their order, without the tree of src/process. */
import type { ProcessEvent } from '../../src/collect/event.ts';
import type { Row } from './extension_under_test.ts';

interface Known {
  cmdline: string;
  readonly chain: readonly { readonly pid: number; readonly cmdline: string }[];
}

/** One row an exec: pid, cmdline and the ancestry of it, as JSON. */
export function rowsOf(events: readonly ProcessEvent[]): Row[] {
  const processes = new Map<number, Known>();
  const rows: Row[] = [];
  for (const event of events) {
    if (event.kind === 'snapshot') {
      processes.set(event.pid, { cmdline: cmdlineOf(event.details.args), chain: [] });
    } else if (event.kind === 'fork') {
      const parent = processes.get(event.parent);
      const image = processes.get(event.imageFrom ?? event.parent);
      const chain = [{ pid: event.parent, cmdline: parent?.cmdline ?? '' }, ...(parent?.chain ?? [])];
      processes.set(event.pid, { cmdline: image?.cmdline ?? '', chain });
    } else if (event.kind === 'exec') {
      const process = processes.get(event.pid) ?? { cmdline: '', chain: [] };
      process.cmdline = cmdlineOf(event.details?.args ?? '');
      processes.set(event.pid, process);
      rows.push({ pid: `${event.pid}`, cmdline: process.cmdline, ancestry: JSON.stringify(process.chain) });
    } else if (event.kind === 'exit') {
      processes.delete(event.pid);
    }
  }
  return rows;
}

const cmdlineOf = (args: string): string => args.replaceAll('\0', ' ');
