import type { Pid } from '../../../src/collect/event.ts';
import { Image } from '../../../src/process/image.ts';
import { Process } from '../../../src/process/process.ts';
import type { RecordedLink } from '../../../src/process/recorded_link.ts';
import type { PublishedEvent } from '../../../src/process/tree.ts';
import { detailsOf } from '../process/kernel_model.ts';

/** An entity id tells the pid. */
export function entityId(pid: number, rest = '1'): string {
  return `boot.${pid.toString(36)}.${rest}`;
}

/** A link as it is recorded, of a process that is somebody's creator or leader. */
export function recorded(
  what: { pid?: number; cmdline?: string; above?: RecordedLink; user?: string } = {},
): RecordedLink {
  const { pid = 7, cmdline = 'sh', above, user = '' } = what;
  const json = JSON.stringify({
    ...{ pid, start: 169_999_999_900, name: 'sh', cwd: '/', tty: '', args: cmdline.split(' ') },
    ...{ argsCount: cmdline.split(' ').length, uid: 0, known: true },
    credentials: { user: { id: '0', ...(user === '' ? {} : { name: user }) } },
  });
  const depth = (above?.depth ?? 0) + 1;
  return {
    ...{
      entityId: entityId(pid),
      path: '/bin/sh',
      euid: 0,
      ancestor: () => `{"pid":${pid}}`,
      json: () => json,
      longCmdline: () => '',
      above,
      depth,
      bytes: depth * 10,
    },
    ...{ complete: true, cut: false, revision: 0 },
  };
}

/** A published exec with what a test cares for. */
export function published(
  what: { pid?: number; ppid?: number; entityId?: string; cmdline?: string; unixMs?: number; details?: object } = {},
): PublishedEvent {
  const { pid = 42, ppid = 1, cmdline = 'sh -c ls', unixMs = 1_700_000_000_000 } = what;
  const details = detailsOf(cmdline, ppid, what.details);
  const image = Image.of(details);
  const process = new Process({
    pid: pid as Pid,
    met: 'event',
    startTicks: 100,
    startSlackTicks: [0, 0],
    bootUnixHundredths: 169_999_999_899,
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
      creator: undefined,
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
    ancestry: { depth: 0, truncated: false, complete: true },
    entityId: what.entityId ?? entityId(pid),
    ppid,
    pidNamespace: 4_026_531_836,
    unixMs,
    bootMs: 5_500,
  };
}
