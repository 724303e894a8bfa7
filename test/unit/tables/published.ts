import type { Pid } from '../../../src/collect/event.ts';
import type { AncestorFacts } from '../../../src/process/facts.ts';
import { Image } from '../../../src/process/image.ts';
import type { AncestorRecord } from '../../../src/process/process.ts';
import { Process } from '../../../src/process/process.ts';
import type { PublishedEvent } from '../../../src/process/tree.ts';
import { detailsOf } from '../process/kernel_model.ts';

/** An entity id contains the pid. */
export function entityId(pid: number, rest = '1'): string {
  return `boot.${pid.toString(36)}.${rest}`;
}

/** A recorded link of a process that is the creator or leader of another. */
export function recorded(
  what: { pid?: number; cmdline?: string; above?: AncestorRecord; user?: string } = {},
): AncestorRecord {
  const { pid = 7, cmdline = 'sh', above, user = '' } = what;
  const args = cmdline.split(' ');
  const facts: AncestorFacts = {
    ...{ entityId: entityId(pid), pid, ppid: 1, creatorStart: 0, start: 169_999_999_900, name: 'sh', path: '/bin/sh' },
    ...{ root: '', args: args.join('\0'), argsCount: args.length, cmdlineMax: 4096, cwd: '/', tty: '', known: true },
    credentials: { uid: 0, euid: 0, ...(user === '' ? {} : { userNames: { 0: user } }) },
  };
  const json = (argsMax = cmdline.length) => JSON.stringify({ ...facts, args: facts.args.slice(0, argsMax) });
  const depth = (above?.depth ?? 0) + 1;
  return {
    ...{ entityId: entityId(pid), json, above, depth },
    ...{ complete: true, cut: false, revision: 0 },
  };
}

/** A published exec with the facts of a test. */
export function published(
  what: { pid?: number; ppid?: number; entityId?: string; cmdline?: string; unixMs?: number; details?: object } = {},
): PublishedEvent {
  const { pid = 42, ppid = 1, cmdline = 'sh -c ls', unixMs = 1_700_000_000_000 } = what;
  const details = detailsOf(cmdline, ppid, what.details);
  const image = Image.of(details);
  const process = new Process({
    pid: pid as Pid,
    discoveredBy: 'event',
    startTicks: 100,
    startSlackTicks: [0, 0],
    bootUnixHundredths: 169_999_999_899,
    sameTickIndex: 0,
    image,
    ppid,
  });
  return {
    action: 'exec',
    process,
    atFork: process.atFork,
    sid: 40,
    pgid: 41,
    context: {
      creator: undefined,
      groupLeader: undefined,
      sessionLeader: undefined,
      entryLeader: undefined,
      credentials: undefined,
      credentialsBefore: undefined,
      previous: undefined,
    },
    entry: { type: 'unknown', leader: undefined },
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
