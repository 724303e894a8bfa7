import type { Pid } from '../../../src/collect/event.ts';
import { Image } from '../../../src/process/image.ts';
import type { MergedEvent } from '../../../src/process/merge.ts';
import { Process } from '../../../src/process/process.ts';
import { detailsOf } from '../process/kernel_model.ts';

/** A published exec with what a test cares for. */
export function published(
  what: { pid?: number; ppid?: number; entityId?: string; cmdline?: string; unixMs?: number; details?: object } = {},
): MergedEvent {
  const { pid = 42, ppid = 1, cmdline = 'sh -c ls', unixMs = 1_700_000_000_000 } = what;
  const details = detailsOf(cmdline, ppid, what.details);
  const image = Image.of(details);
  const process = new Process({
    pid: pid as Pid,
    met: 'event',
    startTicks: 100,
    startSlackTicks: [0, 0],
    startUnixHundredths: 169_999_999_999,
    twin: 0,
    image,
    ppid,
  });
  return {
    action: 'exec',
    process,
    link: process.link,
    sid: 40,
    pgid: 41,
    context: {
      parent: undefined,
      groupLeader: undefined,
      sessionLeader: undefined,
      entryLeader: undefined,
      credentials: undefined,
      previous: undefined,
    },
    entry: { type: 'unknown', link: undefined },
    entryAddress: '',
    cgroup: '/user.slice',
    sha256: '',
    exitStatus: undefined,
    endUnixMs: undefined,
    actions: ['exec'],
    details,
    creator: undefined,
    ancestry: { objects: '', depth: 0, truncated: false, complete: true },
    entityId: what.entityId ?? `boot.${pid}.1`,
    parentEntityId: '',
    ppid,
    pidNamespace: 4_026_531_836,
    unixMs,
    bootMs: 5_500,
  };
}
