/**
 * The limit of open files of this process (RLIMIT_NOFILE), and the number of connections that it allows. Checked at the start:
 * without a free descriptor, connections are refused, and a process in /proc looks as if it had ended.
 */
import { readdirSync, readFileSync } from 'node:fs';

interface Descriptors {
  readonly open: number;
  /** Infinity for no limit. */
  readonly most: number;
}

/** Descriptors other than connections and files to hash: database, threads, kernel sockets, /proc. */
const OWN = 64;
/** Files that may wait to be hashed (FileHasher). */
const TO_BE_HASHED = 64;
const CONNECTIONS = { least: 8, most: 256 };
/** With fewer free descriptors than this, a problem is reported. */
const FEW_LEFT = 16;

const WHAT_TO_DO = "raise LimitNOFILE of osqueryd's unit, or ulimit -n if it is started by hand";

/** Undefined if the system does not report it. */
export function readDescriptors(): Descriptors | undefined {
  try {
    const limits = readFileSync('/proc/self/limits', 'utf8');
    const [, most] = /^Max open files\s+(\d+|unlimited)/m.exec(limits) ?? [];
    if (most === undefined) return undefined;
    const open = readdirSync('/proc/self/fd').length;
    return { open, most: most === 'unlimited' ? Number.POSITIVE_INFINITY : Number(most) };
  } catch (error) {
    // There is no free descriptor to read /proc.
    return isNoDescriptor(error) ? { open: 0, most: 0 } : undefined;
  }
}

/** How many connections the extension may serve, or why it cannot run. */
export function connectionsWithin({ open, most }: Descriptors): number | { readonly error: string } {
  const left = most - open - OWN - TO_BE_HASHED;
  if (left >= CONNECTIONS.least) return Math.min(left, CONNECTIONS.most);
  const needed = open + OWN + TO_BE_HASHED + CONNECTIONS.least;
  return { error: `at most ${most} files can be open (EMFILE), and ${needed} are needed: ${WHAT_TO_DO}` };
}

/** A problem if there are few free descriptors. */
export function descriptorProblem({
  open,
  most,
}: Descriptors): { readonly code: string; readonly message: string } | undefined {
  if (most - open >= FEW_LEFT) return undefined;
  const message = `${open} of at most ${most} files are open: ${WHAT_TO_DO}`;
  return { code: 'few_descriptors', message };
}

/** Whether the error means that the process or the host cannot open more files. */
export function isNoDescriptor(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'EMFILE' || error.code === 'ENFILE');
}
