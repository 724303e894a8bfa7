/** Finds ways for users other than root to replace a file. */
import { dirname } from 'node:path';
import type { FileFacts, Host } from '../host.ts';

const STICKY = 0o1000;

/** The first way found, with advice; undefined when there is none. */
export function waysToReplace(host: Host, path: string): { what: string; advice: string } | undefined {
  let below: FileFacts | undefined;
  for (let at = path; ; at = dirname(at)) {
    const found = host.file(at);
    if (!found) return undefined;
    if (found.uid !== 0) return { what: `${at} belongs to user ${found.uid}`, advice: `chown root:root ${at}` };
    if (mayBeWrittenByOthers(found)) {
      // In a sticky directory only the owner of a file can rename or remove it.
      const isGuarded = found.kind === 'directory' && found.mode & STICKY && below?.uid === 0;
      if (!isGuarded) return { what: `other users can write ${at} (${octal(found.mode)})`, advice: `chmod go-w ${at}` };
    }
    if (at === dirname(at)) return undefined;
    below = found;
  }
}

function mayBeWrittenByOthers({ kind, mode, gid }: FileFacts): boolean {
  // The mode of a link has no effect.
  if (kind === 'link') return false;
  return (mode & 0o002) !== 0 || ((mode & 0o020) !== 0 && gid !== 0);
}

export function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}
