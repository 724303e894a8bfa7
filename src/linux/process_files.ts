/** Parsers for the files of /proc/PID (man 5 proc). */
import { type CharDevice, terminalOf } from './terminal.ts';

/** /proc/PID/stat. */
export interface Stat {
  readonly comm: string;
  readonly state: string;
  readonly ppid: number;
  readonly pgid: number;
  readonly sid: number;
  readonly ttyNr: number;
  readonly flags: number;
  /** User and system processor time, in clock ticks. */
  readonly cpuTicks: number;
  readonly startTicks: number;
}

/** Parses /proc/PID/stat. comm is in parentheses and may itself contain spaces and parentheses. */
export function parseStat(text: string): Stat | undefined {
  const open = text.indexOf('(');
  const close = text.lastIndexOf(')');
  if (open < 0 || close < open) return undefined;
  const fields = text.slice(close + 2).split(' ');
  const [state, ppid, pgid, sid, tty, , flags] = fields;
  const start = Number(fields[19]);
  if (state === undefined || !Number.isInteger(start)) return undefined;
  return {
    comm: text.slice(open + 1, close),
    state,
    ppid: Number(ppid),
    pgid: Number(pgid),
    sid: Number(sid),
    // Printed as a signed number.
    ttyNr: Number(tty) >>> 0,
    flags: Number(flags),
    cpuTicks: Number(fields[11]) + Number(fields[12]),
    startTicks: start,
  };
}

/** The real, effective, saved and file system id of one line of /proc/PID/status. */
export function idsOf(status: string, name: 'Uid' | 'Gid'): [number?, number?, number?, number?] {
  const line = new RegExp(`^${name}:\\s+(\\d+)\\s+(\\d+)\\s+(\\d+)\\s+(\\d+)`, 'm').exec(status);
  return line ? [Number(line[1]), Number(line[2]), Number(line[3]), Number(line[4])] : [];
}

/** The number in a link such as pid:[4026531836]. */
export function inodeOf(link: string): number | undefined {
  return Number(/\[(\d+)\]/.exec(link)?.[1]) || undefined;
}

export function groupsOf(status: string): readonly number[] {
  return (/^Groups:[ \t]*([\d ]*)/m.exec(status)?.[1] ?? '').split(' ').filter(Boolean).map(Number);
}

/** Decodes a device number of /proc/PID/stat or stat(2) (include/linux/kdev_t.h, new_decode_dev). */
export function deviceOf(number: number): CharDevice {
  return { major: (number >> 8) & 0xfff, minor: (number & 0xff) | ((number >> 12) & 0xfff00) };
}

/** The name of the controlling terminal; '' for none. */
export function ttyNameOf(ttyNr: number): string {
  return ttyNr === 0 ? '' : terminalOf(deviceOf(ttyNr));
}

/**
 * The path in a cgroup file with lines of HIERARCHY:CONTROLLERS:PATH; '' if there is none. cgroup v2 has one line. For v1, the
 * longest path names the service or the container.
 */
export function cgroupPath(text: string): string {
  const paths = text.split('\n').flatMap((line) => {
    const at = line.indexOf(':/');
    // kernel/cgroup/cgroup.c, proc_cgroup_show
    return at < 0 ? [] : [line.slice(at + 1).replace(/ \(deleted\)$/, '')];
  });
  const longest = paths.reduce((most, path) => (path.length > most.length ? path : most), '');
  // In cgroup v1, an exiting process is shown in the root group.
  return paths.length > 1 && longest === '/' ? '' : longest;
}

/** The effective capabilities in the text of /proc/PID/status, as a bit mask (man 7 capabilities). */
export function capabilitiesOf(status: string): bigint | undefined {
  const hex = /^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1];
  return hex === undefined ? undefined : BigInt(`0x${hex}`);
}

/** Resident memory in the text of /proc/PID/status, in KiB. */
export function residentKiB(status: string): number | undefined {
  const kib = /^VmRSS:\s*(\d+) kB/m.exec(status)?.[1];
  return kib === undefined ? undefined : Number(kib);
}
