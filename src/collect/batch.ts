/**
 * Unpacks the batches that the native collector hands over. The format is described in native/batch.h: records of
 * {u32 size, u8 kind, u8 source, u16 flags, i32 pid, f64 time} and a payload by kind, little endian.
 */
import type { EventOrigin, ExecDetails, Pid, ProcessEvent } from './event.ts';
import { terminalNamed } from './terminal.ts';

const Kind = { fork: 1, exec: 2, exit: 3, setsid: 4, loss: 5, clock: 6, setpgid: 7, login: 8 } as const;
const Flag = { details: 1, argsCut: 2, fromProcfs: 4, claimed: 8 } as const;
const ORIGINS: readonly EventOrigin[] = ['none', 'proc_events', 'audit'];
const SYSCALLS = ['', 'execve', 'execveat'] as const;
const HEADER_BYTES = 20;
const UNSET = 0xffffffff;

/** A batch that is not what native/batch.h says. It is a bug, not input: native code and this file disagree. */
export class BatchFormatError extends Error {
  override readonly name = 'BatchFormatError';
}

/** Keeps the clocks' offset between batches, which only records of kind `clock` change. */
export class BatchDecoder {
  #bootToUnixMs = 0;

  /** Unix ms minus CLOCK_BOOTTIME ms when the last batch was packed; 0 in a replay. */
  get bootToUnixMs(): number {
    return this.#bootToUnixMs;
  }

  /**
   * Events of a batch, in the order in which they were packed: at most `limit` of them, from byte `start` on. `next`
   * is where to go on, the batch's length at its end. Throws BatchFormatError.
   */
  decode(batch: Buffer, start = 0, limit = Number.POSITIVE_INFINITY): { events: ProcessEvent[]; next: number } {
    const events: ProcessEvent[] = [];
    let at = start;
    while (at < batch.length && events.length < limit) {
      if (batch.length - at < HEADER_BYTES) throw new BatchFormatError(`record header cut short at byte ${at}`);
      const size = batch.readUInt32LE(at);
      if (size < HEADER_BYTES || size > batch.length - at) {
        throw new BatchFormatError(`record of ${size} bytes at byte ${at} of ${batch.length}`);
      }
      const event = this.#record(batch, at);
      if (event) events.push(event);
      at += size;
    }
    return { events, next: at };
  }

  #record(batch: Buffer, at: number): ProcessEvent | undefined {
    const kind = batch.readUInt8(at + 4);
    const origin = ORIGINS[batch.readUInt8(at + 5)] ?? 'none';
    const flags = batch.readUInt16LE(at + 6);
    const pid = batch.readInt32LE(at + 8) as Pid;
    const time = batch.readDoubleLE(at + 12);
    const bootMs = origin === 'audit' ? time - this.#bootToUnixMs : time;
    const unixMs = origin === 'audit' ? time : time + this.#bootToUnixMs;
    const body = at + HEADER_BYTES;
    switch (kind) {
      case Kind.fork: {
        const imageFrom = batch.readInt32LE(body + 4);
        const parent = batch.readInt32LE(body) as Pid;
        const isClaimed = (flags & Flag.claimed) !== 0;
        const callerParent = isClaimed ? batch.readInt32LE(body + 8) : 0;
        return {
          kind: 'fork',
          origin,
          pid,
          bootMs,
          unixMs,
          parent,
          imageFrom: imageFrom > 0 ? (imageFrom as Pid) : undefined,
          ...(isClaimed ? { isClaimed, callerParent: callerParent > 0 ? (callerParent as Pid) : undefined } : {}),
        };
      }
      case Kind.exec: {
        const details = flags & Flag.details ? readDetails(batch, body, flags) : undefined;
        return { kind: 'exec', origin, pid, bootMs, unixMs, details };
      }
      case Kind.exit:
        return { kind: 'exit', origin, pid, bootMs, unixMs, status: batch.readInt32LE(body) };
      case Kind.setsid:
        return { kind: 'setsid', origin, pid, bootMs, unixMs };
      case Kind.setpgid: {
        const pgid = batch.readInt32LE(body);
        const goneCaller = batch.readInt32LE(body + 8);
        return {
          kind: 'setpgid',
          origin: 'audit',
          pid,
          bootMs,
          unixMs,
          pgid: pgid > 0 ? (pgid as Pid) : undefined,
          goneCaller: goneCaller > 0 ? (goneCaller as Pid) : undefined,
          serial: batch.readUInt32LE(body + 4),
        };
      }
      case Kind.login: {
        const { id, text } = readFields(batch, body);
        // Evaluated in the order of the fields in the record.
        const [ses, address, terminal, exe] = [id(), text(), terminalNamed(text()), text()];
        return { kind: 'login', origin: 'audit', pid, bootMs, unixMs, ses, address, terminal, exe };
      }
      case Kind.loss:
        return { kind: 'loss', origin, pid, bootMs, unixMs, count: batch.readUInt32LE(body) };
      case Kind.clock: {
        const offset = batch.readDoubleLE(body);
        this.#bootToUnixMs = Number.isNaN(offset) ? 0 : offset;
        return undefined;
      }
      default:
        throw new BatchFormatError(`unknown kind ${kind} at byte ${at}`);
    }
  }
}

/** Readers of one field each, from byte `start` on. */
function readFields(batch: Buffer, start: number) {
  let at = start;
  const u32 = () => {
    const value = batch.readUInt32LE(at);
    at += 4;
    return value;
  };
  const id = () => {
    const value = u32();
    return value === UNSET ? undefined : value;
  };
  const f64 = () => {
    const value = batch.readDoubleLE(at);
    at += 8;
    return value;
  };
  const seconds = () => {
    const value = f64();
    return Number.isNaN(value) ? undefined : value;
  };
  const text = () => {
    const length = u32();
    if (length > batch.length - at) throw new BatchFormatError(`text of ${length} bytes at byte ${at}`);
    const value = length === 0 ? '' : batch.toString('utf8', at, at + length);
    at += length;
    return value;
  };
  return { u32, id, f64, seconds, text };
}

function readDetails(batch: Buffer, body: number, flags: number): ExecDetails {
  const { u32, id, f64, seconds, text } = readFields(batch, body);
  // Evaluated in the order of the fields in the record.
  const serial = u32();
  const ppid = u32() | 0;
  return {
    from: flags & Flag.fromProcfs ? 'procfs' : 'audit',
    serial,
    ppid: ppid < 0 ? undefined : ppid,
    syscall: SYSCALLS[u32()] ?? '',
    auid: id(),
    uid: id(),
    gid: id(),
    euid: id(),
    suid: id(),
    fsuid: id(),
    egid: id(),
    sgid: id(),
    fsgid: id(),
    ses: id(),
    mode: id(),
    ownerUid: id(),
    ownerGid: id(),
    atime: seconds(),
    mtime: seconds(),
    ctime: seconds(),
    btime: seconds(),
    inode: f64() || undefined,
    pidNamespace: f64() || undefined,
    sid: id(),
    pgid: id(),
    ttyNr: id(),
    argsCount: id(),
    argsBytes: u32(),
    argsCut: (flags & Flag.argsCut) !== 0,
    comm: text(),
    path: text(),
    cwd: text(),
    tty: terminalNamed(text()),
    args: text(),
    name: text(),
    cgroup: text(),
    root: text(),
  };
}
