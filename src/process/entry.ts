/** How a tree of processes came into the host: the entry leader of ECS RFC 0030. */
import type { Image } from './image.ts';
import type { Link } from './process.ts';

export type EntryType = 'init' | 'kthread' | 'sshd' | 'ssm' | 'container' | 'terminal' | 'console' | 'unknown';

export interface Entry {
  readonly type: EntryType;
  /** The process by which it came in, with the image that it ran then; undefined where nobody knows. */
  readonly link: Link | undefined;
}

const UNKNOWN: Entry = { type: 'unknown', link: undefined };
const SSHD = /^sshd(-session|-auth)?$/;
const SSM = 'ssm-session-worker';
/** What creates containers. In a snapshot of /proc also what keeps them: who created them is gone by then. */
const CONTAINER_RUNTIME =
  /^((docker-|buildkit-)?runc|crun|youki|runsc|kata-runtime|(docker-)?containerd-shim.*|conmon(rs)?|lxc-(start|attach|execute)|systemd-nspawn)$/;
/** A runtime that runs from a copy of itself, so that what is in the container cannot write to its file (CVE-2019-5736). */
const CLONED_RUNTIME = /^\/memfd:\w+_cloned:\/proc\/self\/exe( |$)/;
/** First processes of containers, which a runtime puts there to reap orphans. */
const CONTAINER_INIT = /^(docker-init|tini(-static)?|catatonit)$/;
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

function ownType({ process, image, session, tty }: Link): EntryType | undefined {
  if (process.pid === 1) return 'init';
  if (process.pid === 2 && process.lineage === 'top') return 'kthread';
  const creator = process.creator?.image;
  if (process.creator && isInNewContainer(process.creator, image)) return 'container';
  // A command without a terminal is no session of its own there.
  if (image.exeName === SSM || creator?.exeName === SSM) return 'ssm';
  // A log may tell nothing of sessions: then a session begins where there is another terminal.
  const mayLead = session ? session.leader === process : process.creator?.tty !== tty;
  if ((mayLead || !session) && creator && comesFrom(creator, image, ({ exeName }) => isSshd(exeName))) return 'sshd';
  if (!mayLead) return undefined;
  if (VIRTUAL_TERMINAL.test(tty)) return 'terminal';
  return CONSOLE_TTY.test(tty) ? 'console' : undefined;
}

function isInNewContainer(creator: Link, own: Image): boolean {
  const { image: above } = creator;
  // When a container has ended, conmon tells podman, on the host.
  if (above.exeName.startsWith('conmon') && own.exeName === 'podman') return false;
  if (comesFrom(above, own, isContainerRuntime)) return true;
  // One that no runtime started is taken at its name; another has its entry, which those below it share.
  const isInit = ({ exeName }: Image) => CONTAINER_INIT.test(exeName);
  const runtime = creator.process.creator?.image;
  return comesFrom(above, own, isInit) && !(runtime && isContainerRuntime(runtime));
}

function isContainerRuntime({ exeName, details }: Image): boolean {
  return CONTAINER_RUNTIME.test(exeName) || CLONED_RUNTIME.test(details.path);
}

/** Whether a file name is one of OpenSSH's server programs: sshd-session since 9.8, sshd-auth since 10.0. */
export function isSshd(name: string): boolean {
  return SSHD.test(name);
}

/** Whether it was created by a program of a kind, and is none itself. */
function comesFrom(creator: Image, own: Image, isOfKind: (image: Image) => boolean): boolean {
  return isOfKind(creator) && !isOfKind(own);
}
