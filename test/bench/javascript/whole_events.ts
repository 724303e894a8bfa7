/** Execs as the eBPF sensor reports them, in the present form of a batch, from the declaration of the events. */
import { ENUMS, EXEC_DETAILS, type Field, KINDS, SOURCES } from '../../../native/events/declaration.ts';
import { type Happening, PID_NAMESPACE, type Started } from './execs.ts';
import { RecordWriter } from './record_writer.ts';

type Values = Readonly<Record<string, number | string | boolean>>;

const UNSET = 0xffffffff;
/** The bits of the header for flags, as in generate.ts. */
const HAS_DETAILS = 1;
const FIRST_DETAILS_FLAG = 2;
const FIRST_KIND_FLAG = 4096;
const isText = ({ type }: Field) => type === 'text' || type === 'terminal';
const EBPF = SOURCES.indexOf('ebpf');

/** Batches of whole events; each begins with a clock. */
export function wholeBatch(happenings: readonly Happening[], bootToUnixMs: number): Buffer {
  const writer = new RecordWriter();
  write(writer, 'clock', 0, 0, { offset: bootToUnixMs });
  for (const happening of happenings) {
    const { kind, bootMs, process } = happening;
    const { pid, startMs } = process;
    const group = { sid: 700, pgid: 700 };
    if (kind === 'exit') {
      write(writer, kind, pid, bootMs, { status: 0, startMs, ...group });
    } else if (kind === 'fork') {
      const { parent } = happening;
      const place = { pidNamespace: PID_NAMESPACE, pidInNamespace: pid, ...group };
      write(writer, kind, pid, bootMs, { parent: parent.pid, startMs, parentStartMs: parent.startMs, ...place });
    } else {
      write(writer, kind, pid, bootMs, {}, { ...detailsOf(process, happening.parent), ...group });
    }
  }
  return writer.take();
}

function detailsOf({ pid, startMs, uid, ses, path, args, cwd, cgroup }: Started, parent: Started): Values {
  const user = { auid: uid, uid, gid: uid, euid: uid, suid: uid, fsuid: uid, egid: uid, sgid: uid, fsgid: uid, ses };
  const file = { mode: 0o100755, ownerUid: 0, ownerGid: 0, inode: 131_072 + path.length, device: 64_769 };
  const times = { atime: 1_795_000_000, mtime: 1_790_000_000, ctime: 1_790_000_100, btime: 1_790_000_000 };
  const namespaces = {
    pidNamespace: PID_NAMESPACE,
    userNamespace: PID_NAMESPACE + 1,
    mountNamespace: PID_NAMESPACE + 2,
    networkNamespace: PID_NAMESPACE + 3,
    pidInNamespace: pid,
  };
  const capabilities = uid === 0 ? 2 ** 41 - 1 : 0;
  const descriptors = { stdinKind: 'null', stdoutKind: 'pipe', stderrKind: 'pipe' };
  const joined = args.join('\0');
  return {
    ...{
      ppid: parent.pid,
      syscall: 'execve',
      ...user,
      ...file,
      size: 1_000_000,
      linkCount: 1,
      ...times,
      ...namespaces,
    },
    ...{ ttyNr: 0, startMs, capPermitted: capabilities, capEffective: capabilities, ...descriptors, cgroupId: 4242 },
    ...{ argsCount: args.length, argsBytes: joined.length, envCount: 24, envBytes: 1400 },
    ...{
      comm: path.slice(path.lastIndexOf('/') + 1).slice(0, 15),
      path,
      cwd,
      args: joined,
      name: path,
      cgroup,
      root: '/',
    },
  };
}

function write(writer: RecordWriter, name: string, pid: number, time: number, own: Values, details?: Values): void {
  const kind = KINDS.find((one) => one.name === name);
  if (!kind) throw new Error(`no event ${name} is declared`);
  const ofDetails = kind.details ? EXEC_DETAILS : [];
  const flags =
    flagsOf(kind.fields, own, FIRST_KIND_FLAG) |
    (details ? HAS_DETAILS | flagsOf(ofDetails, details, FIRST_DETAILS_FLAG) : 0);
  const source = name === 'clock' ? 0 : EBPF;
  writer.record({ kind: kind.code, source, flags, pid, time }, () => {
    const all: [Field, Values][] = [
      ...kind.fields.map((field): [Field, Values] => [field, own]),
      ...ofDetails.map((field): [Field, Values] => [field, details ?? {}]),
    ];
    for (const [field, values] of all) if (!isText(field)) writeNumber(writer, field, values[field.name]);
    for (const [field, values] of all) if (isText(field)) writer.text(String(values[field.name] ?? ''));
  });
}

function flagsOf(fields: readonly Field[], values: Values, first: number): number {
  return fields
    .filter(({ type }) => type === 'flag')
    .reduce((flags, { name }, at) => (values[name] === true ? flags | (first << at) : flags), 0);
}

function writeNumber(writer: RecordWriter, { name, type }: Field, value: number | string | boolean | undefined): void {
  switch (type) {
    case 'flag':
      break;
    case 'i32':
    case 'pid':
    case 'somePid':
      writer.i32(Number(value ?? 0));
      break;
    case 'u32':
      writer.u32(Number(value ?? 0));
      break;
    case 'id':
      writer.u32(Number(value ?? UNSET));
      break;
    case 'f64':
    case 'inode':
      writer.f64(Number(value ?? 0));
      break;
    case 'measure':
      writer.f64(Number(value ?? Number.NaN));
      break;
    case 'ExecCall':
    case 'DescriptorKind':
      writer.u8(ENUMS[type].findIndex((one) => one === (value ?? '')));
      break;
    case 'text':
    case 'terminal':
      throw new Error(`${name} is a text`);
  }
}
