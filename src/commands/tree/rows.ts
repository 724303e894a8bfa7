/** Columns to read from the two tables, and the parsing of rows. */

export type Row = Readonly<Record<string, string>>;

/** A row of process_ancestry_events. */
export interface EventRecord {
  /** Sort key of rows. */
  readonly eid: string;
  readonly actions: readonly string[];
  readonly time: number;
  readonly pid: number;
  readonly entityId: string;
  readonly parentEntityId: string;
  readonly startTime: number | null;
  readonly exitCode: number | null;
  readonly image: ImageRecord;
  readonly auid: number | null;
  readonly sid: number | null;
  readonly tty: string;
  readonly entryType: string;
  readonly sourceIp: string;
}

/** A row of process_ancestry_tree. */
export interface ProcessRecord {
  readonly pid: number;
  readonly entityId: string;
  readonly parentEntityId: string;
  readonly startTime: number | null;
  readonly execTime: number | null;
  readonly exitTime: number | null;
  readonly exited: boolean;
  readonly exitCode: number | null;
  readonly exitSignal: number | null;
  readonly image: ImageRecord;
  readonly auid: number | null;
  readonly sid: number | null;
  readonly tty: string;
  readonly entryType: string;
}

/** An ancestor in a row of process_ancestry_events. */
export interface AncestorRecord {
  readonly pid: number;
  readonly entityId: string;
  readonly parentEntityId: string;
  readonly startTime: number | null;
  readonly image: ImageRecord;
}

export interface ImageRecord {
  readonly path: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly uid: number | null;
  readonly euid: number | null;
}

export const EVENT_COLUMNS = [
  ...[
    'eid',
    'action',
    'time',
    'pid',
    'entity_id',
    'parent_entity_id',
    'start_time',
    'exit_code',
    'path',
    'args',
    'cwd',
  ],
  ...['auid', 'uid', 'euid', 'sid', 'tty', 'entry_type', 'entry_source_ip'],
] as const;

export const PROCESS_COLUMNS = [
  ...['pid', 'entity_id', 'parent_entity_id', 'path', 'args', 'cwd', 'auid', 'uid', 'euid', 'tty', 'sid', 'start_time'],
  ...['exec_time', 'exit_time', 'state', 'exit_code', 'exit_signal', 'entry_type'],
] as const;

/** Longer arguments of one exec are truncated for display. */
const ARGS_MAX = 32_768;
/** (uid_t)-1: none. */
const NO_ID = new Set([4_294_967_295, -1]);

export function eventOf(row: Row): EventRecord {
  return {
    eid: row.eid ?? '',
    actions: (row.action ?? '').split(','),
    time: numberOf(row.time) ?? 0,
    pid: numberOf(row.pid) ?? 0,
    entityId: row.entity_id ?? '',
    parentEntityId: row.parent_entity_id ?? '',
    startTime: numberOf(row.start_time),
    exitCode: numberOf(row.exit_code),
    image: imageOf(row),
    auid: idOf(row.auid),
    sid: numberOf(row.sid),
    tty: row.tty ?? '',
    entryType: row.entry_type || 'unknown',
    sourceIp: row.entry_source_ip ?? '',
  };
}

export function processOf(row: Row): ProcessRecord {
  return {
    pid: numberOf(row.pid) ?? 0,
    entityId: row.entity_id ?? '',
    parentEntityId: row.parent_entity_id ?? '',
    startTime: numberOf(row.start_time),
    execTime: numberOf(row.exec_time),
    exitTime: numberOf(row.exit_time),
    exited: row.state === 'exited',
    exitCode: numberOf(row.exit_code),
    exitSignal: numberOf(row.exit_signal),
    image: imageOf(row),
    auid: idOf(row.auid),
    sid: numberOf(row.sid),
    tty: row.tty ?? '',
    entryType: row.entry_type || 'unknown',
  };
}

/** Parses the column `ancestry`, nearest first; empty for an invalid value. */
export function ancestorsOf(ancestry: string): AncestorRecord[] {
  const list = parsed(ancestry);
  if (!Array.isArray(list)) return [];
  const objects = list.filter(
    (one): one is Readonly<Record<string, unknown>> => typeof one === 'object' && one !== null,
  );
  const textOf = (value: unknown) => (typeof value === 'string' ? value : '');
  const whole = (value: unknown) => (Number.isSafeInteger(value) ? (value as number) : null);
  return objects.map((one, at) => ({
    pid: whole(one.pid) ?? 0,
    entityId: textOf(one.entity_id),
    parentEntityId: textOf(objects[at + 1]?.entity_id),
    startTime: whole(one.proc_time),
    image: {
      path: textOf(one.path),
      args: textOf(one.cmdline) === '' ? [textOf(one.exe_name)] : [textOf(one.cmdline)],
      cwd: '',
      uid: whole(one.uid),
      euid: null,
    },
  }));
}

function imageOf(row: Row): ImageRecord {
  return {
    path: row.path ?? '',
    args: argsOf(row.args ?? ''),
    cwd: row.cwd ?? '',
    uid: idOf(row.uid),
    euid: idOf(row.euid),
  };
}

function argsOf(json: string): string[] {
  const list = parsed(json);
  if (!Array.isArray(list)) return [];
  const args: string[] = [];
  let left = ARGS_MAX;
  for (const one of list) {
    const arg = String(one);
    if (arg.length > left) return [...args, `${arg.slice(0, left)}…`];
    args.push(arg);
    left -= arg.length + 1;
  }
  return args;
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

function numberOf(text: string | undefined): number | null {
  if (!text) return null;
  const value = Number(text);
  return Number.isFinite(value) ? value : null;
}

function idOf(text: string | undefined): number | null {
  const id = numberOf(text);
  return id === null || NO_ID.has(id) ? null : id;
}
