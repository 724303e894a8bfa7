/** How a tree of processes came into the host: the entry leader of ECS RFC 0030. */
import type { Image } from './image.ts';
import type { Link } from './process.ts';

export type EntryType = 'init' | 'kthread' | 'sshd' | 'ssm' | 'container' | 'terminal' | 'console' | 'unknown';

export interface Entry {
  readonly type: EntryType;
  /** The process by which it came in, with the image that it ran then; undefined where nobody knows. */
  readonly link: Link | undefined;
}

/** Whether a file name is one of OpenSSH's server programs (sshd-session since 9.8, sshd-auth since 10.0). */
export function isSshd(name: string): boolean {
  return SSHD.test(name);
}

const UNKNOWN: Entry = { type: 'unknown', link: undefined };
const SSHD = /^sshd(-session|-auth)?$/;
const SSM = 'ssm-session-worker';
const CONTAINER_RUNTIME =
  /^(runc|crun|youki|kata-runtime|containerd-shim.*|conmon(rs)?|docker-init|tini|catatonit|lxc-start|systemd-nspawn)$/;
/** Serial lines and hypervisors' consoles (Documentation/admin-guide/devices.txt); virtual terminals. */
const CONSOLE_TTY = /^(console|tty(S|AMA|USB|MFD|mxc|PS)\d+|hvc\d+|xvc\d+|sclp_line\d+)$/;
const VIRTUAL_TERMINAL = /^tty\d+$/;

/**
 * The entry of a process as a link has it. Its own where it came in by itself, otherwise its creator's; kept on the link.
 * Only for settled processes.
 */
export function entryOf(link: Link): Entry {
  const below: Link[] = [];
  let entry: Entry | undefined;
  for (let one: Link | undefined = link; one && !entry; one = one.process.creator) {
    entry = one.entry ?? ownEntry(one);
    below.push(one);
  }
  entry ??= UNKNOWN;
  for (const one of below) one.entry = entry;
  return entry;
}

function ownEntry(link: Link): Entry | undefined {
  const type = ownType(link);
  return type && { type, link };
}

function ownType({ process, image, session }: Link): EntryType | undefined {
  if (process.pid === 1) return 'init';
  if (process.pid === 2 && process.lineage === 'top') return 'kthread';
  const creator = process.creator?.image;
  if (creator && comesFrom(creator, image, (name) => CONTAINER_RUNTIME.test(name))) return 'container';
  if (session?.leader !== process) return undefined;
  if (creator && comesFrom(creator, image, isSshd)) return 'sshd';
  if (image.exeName === SSM || (creator && comesFrom(creator, image, (name) => name === SSM))) return 'ssm';
  const { tty } = image.details;
  if (VIRTUAL_TERMINAL.test(tty)) return 'terminal';
  return CONSOLE_TTY.test(tty) ? 'console' : undefined;
}

/** Whether it was created by a program of a kind, and is none itself. */
function comesFrom(creator: Image, own: Image, isOfKind: (name: string) => boolean): boolean {
  return isOfKind(creator.exeName) && !isOfKind(own.exeName);
}
