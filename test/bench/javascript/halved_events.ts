/**
 * The same execs in the form of version 0.1.0: the proc connector's records and audit's, each in its own order, the
 * connector's first. See native/batch.h of commit 9d4203f.
 */
import { type Happening, PID_NAMESPACE, type Started } from './execs.ts';
import { RecordWriter } from './record_writer.ts';

const KIND = { fork: 1, exec: 2, exit: 3, clock: 6 } as const;
const SOURCE = { none: 0, connector: 1, audit: 2 } as const;
const HAS_DETAILS = 1;
const UNSET = 0xffffffff;
const EXECVE = 1;

let serial = 1;

export function halvedBatch(happenings: readonly Happening[], bootToUnixMs: number): Buffer {
  const writer = new RecordWriter();
  const clock = { kind: KIND.clock, source: SOURCE.none, flags: 0, pid: 0, time: 0 };
  writer.record(clock, () => writer.f64(bootToUnixMs));
  for (const happening of happenings) {
    const { kind, bootMs: time, process } = happening;
    writer.record({ kind: KIND[kind], source: SOURCE.connector, flags: 0, pid: process.pid, time }, () => {
      if (kind === 'exit') writer.i32(0);
      if (kind !== 'fork') return;
      writer.i32(happening.parent.pid);
      writer.i32(0);
    });
  }
  for (const happening of happenings) {
    if (happening.kind !== 'exec') continue;
    const { process, parent, bootMs } = happening;
    // Audit's clock is coarse, and read when the system call was entered.
    const time = Math.floor(bootMs + bootToUnixMs);
    const header = { kind: KIND.exec, source: SOURCE.audit, flags: HAS_DETAILS, pid: process.pid, time };
    writer.record(header, () => writeDetails(writer, process, parent));
  }
  return writer.take();
}

function writeDetails(writer: RecordWriter, process: Started, parent: Started): void {
  const { uid, ses, path, args, cwd, cgroup } = process;
  writer.u32(serial++);
  writer.i32(parent.pid);
  writer.u32(EXECVE);
  // auid, uid, gid, euid, suid, fsuid, egid, sgid, fsgid.
  for (let n = 0; n < 9; n++) writer.u32(uid);
  writer.u32(ses);
  for (const value of [0o100755, 0, 0]) writer.u32(value);
  for (const seconds of [1_795_000_000, 1_790_000_000, 1_790_000_100, 1_790_000_000]) writer.f64(seconds);
  writer.f64(131_072 + path.length);
  writer.f64(PID_NAMESPACE);
  // Session, process group and the terminal's number: not reported by audit.
  for (let n = 0; n < 3; n++) writer.u32(UNSET);
  const joined = args.join('\0');
  writer.u32(args.length);
  writer.u32(joined.length);
  const comm = path.slice(path.lastIndexOf('/') + 1).slice(0, 15);
  for (const text of [comm, path, cwd, '', joined, path, cgroup]) writer.text(text);
}
