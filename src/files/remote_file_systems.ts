/**
 * Devices of network file systems and FUSE. Opening a file there waits for the server, possibly forever. The devices are read from
 * the mount table, because a query of the file system would wait too.
 */
import { readFileSync } from 'node:fs';
import { LRUCache } from 'lru-cache';

const REMOTE = /^(?:fuse|autofs|nfs|cifs|smb|ceph|afs|9p|lustre|orangefs|coda|ncp)/;

/** File system types by device number, from the text of /proc/PID/mountinfo (man 5 proc_pid_mountinfo). */
export function mountedTypes(mountinfo: string): Map<string, string> {
  const types = new Map<string, string>();
  for (const line of mountinfo.split('\n')) {
    const [, , device] = line.split(' ', 3);
    const type = /^(?:\S+ ){6}(?:\S+ )*?- (\S+)/.exec(line)?.[1];
    if (device && type) types.set(device, type);
  }
  return types;
}

/** Whether a path is on such a file system, by the text of /proc/PID/mountinfo. */
export function isRemotePath(path: string, mountinfo: string): boolean {
  let [longest, type] = ['', ''];
  for (const line of mountinfo.split('\n')) {
    const [, point = '', its = ''] = /^(?:\S+ ){4}(\S+) (?:\S+ )*?- (\S+)/.exec(line) ?? [];
    // The last of several mounts on one point is the visible one.
    const isAbove = point === '/' || path === point || path.startsWith(`${point}/`);
    if (isAbove && point.length >= longest.length) [longest, type] = [point, its];
  }
  return REMOTE.test(type);
}

/** A device number in the form of mountinfo (gnu_dev_major and gnu_dev_minor of sys/sysmacros.h). */
export function deviceText(dev: bigint): string {
  const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & ~0xfffn);
  const minor = (dev & 0xffn) | ((dev >> 12n) & ~0xffn);
  return `${major}:${minor}`;
}

/** How long a result is cached. After an unmount, another mount may get the same device number. */
const REMEMBER_MS = 60_000;

export class RemoteFileSystems {
  readonly #proc: string;
  readonly #remote: LRUCache<bigint, boolean>;

  constructor(proc = '/proc') {
    this.#proc = proc;
    this.#remote = new LRUCache({ max: 256, ttl: REMEMBER_MS });
  }

  /** `pid` is a process that may have mounts that we do not see, in a container. */
  has(dev: bigint, pid: number): boolean {
    // Only file systems without a block device have major 0.
    if (((dev >> 8n) & 0xfffn) !== 0n) return false;
    const known = this.#remote.get(dev);
    if (known !== undefined) return known;
    const device = deviceText(dev);
    const type = this.#types('self').get(device) ?? this.#types(pid).get(device) ?? '';
    const remote = REMOTE.test(type);
    this.#remote.set(dev, remote);
    return remote;
  }

  #types(pid: number | 'self'): Map<string, string> {
    try {
      return mountedTypes(readFileSync(`${this.#proc}/${pid}/mountinfo`, 'utf8'));
    } catch {
      return new Map();
    }
  }
}
