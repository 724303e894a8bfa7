/** Detects files that are not audit logs of auditd or the kernel, and says how to convert them. */
import type { NativeLogStats } from './native.ts';

/** The first bytes of a file that show its format, except for tar. */
export const MAGIC_BYTES = 8;
/** Bytes of the text that are checked for a binary file. */
export const HEAD_BYTES = 512;

const magic = (...bytes: readonly number[]) => Buffer.from(bytes);

/** Formats that must be unpacked first, by their first bytes. */
const PACKED: readonly { readonly name: string; readonly starts: Buffer; readonly command: string }[] = [
  { name: 'an xz file', starts: magic(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00), command: 'xz -d' },
  { name: 'an lzma file', starts: magic(0x5d, 0x00, 0x00), command: 'xz -d' },
  { name: 'a bzip2 file', starts: Buffer.from('BZh'), command: 'bzip2 -d' },
  { name: 'a Zstandard file', starts: magic(0x28, 0xb5, 0x2f, 0xfd), command: 'zstd -d' },
  { name: 'an lz4 file', starts: magic(0x04, 0x22, 0x4d, 0x18), command: 'lz4 -d' },
  { name: 'a compress file', starts: magic(0x1f, 0x9d), command: 'uncompress' },
  { name: 'a zip archive', starts: Buffer.from('PK\x03\x04'), command: 'unzip' },
  { name: 'a 7z archive', starts: magic(0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c), command: '7z x' },
];
const JOURNAL = Buffer.from('LPKSHHRH');
/** Magic in the header of the first file (pax(1), ustar Interchange Format). */
const TAR = { at: 257, magic: Buffer.from('ustar') };

const RAW = 'write the records themselves with "ausearch --raw"';

/** RFC 1952: a gzip file begins with 1f 8b. */
export function isGzip(head: Buffer): boolean {
  return startsWith(head, magic(0x1f, 0x8b));
}

/** Names the format of an unreadable file by its first bytes; undefined if unknown. */
export function refusedByMagic(head: Buffer): string | undefined {
  const packed = PACKED.find(({ starts }) => startsWith(head, starts));
  if (packed) return `it looks like ${packed.name}; unpack it first with "${packed.command}"`;
  if (startsWith(head, JOURNAL)) return `it looks like a journal of systemd; ${RAW}`;
  if (head.subarray(TAR.at, TAR.at + TAR.magic.length).equals(TAR.magic))
    return 'it looks like a tar archive; unpack it first with "tar -xf", and name the log';
  if (isUtf16(head)) return 'it looks like UTF-16; convert it first with "iconv -f UTF-16 -t UTF-8"';
  return undefined;
}

/** Describes a text without records, by its first bytes and its lines. */
export function refusedByLines(head: Buffer, stats: NativeLogStats): string {
  const other = otherForm(stats);
  if (other) return `it looks like ${other.form}`;
  if (stats.lines === 0) return 'it is empty; name a log that holds records';
  if (head.includes(0)) return `it looks like a binary file; ${RAW}`;
  return `none of its ${stats.lines} lines is an audit record (type=SYSCALL msg=audit(…): …); ${RAW}`;
}

/** The most frequent other format among the lines, and its number of lines; undefined if there is none. */
export function otherForm(stats: NativeLogStats): { readonly lines: number; readonly form: string } | undefined {
  const { interpretedLines, eventLines, jsonLines, linesWithoutId, quotedLines } = stats;
  const forms = [
    [interpretedLines, `interpreted output (ausearch -i), with names in place of numbers; ${RAW}`],
    [eventLines, `one line per event; read the log that it was made of, or ${RAW}`],
    [jsonLines, `JSON (of laurel, go-audit, auditbeat or journalctl); read auditd's own log instead, or ${RAW}`],
    [linesWithoutId, `journalctl's output, without the serial numbers that join an event's records; ${RAW}`],
    [quotedLines, `records in quotes (msg="audit(…): …"); read the log that it was made of, or ${RAW}`],
  ] as const;
  const [lines, form] = forms.reduce((most, one) => (one[0] > most[0] ? one : most));
  return lines > 0 ? { lines, form } : undefined;
}

function startsWith(head: Buffer, starts: Buffer): boolean {
  return head.subarray(0, starts.length).equals(starts);
}

/** Checks the byte order mark, and whether every other byte at the start is NUL. */
function isUtf16(head: Buffer): boolean {
  if (startsWith(head, magic(0xff, 0xfe)) || startsWith(head, magic(0xfe, 0xff))) return true;
  if (head.length < 4) return false;
  const isNul = (at: number) => head[at] === 0;
  return (isNul(0) && isNul(2) && !isNul(1) && !isNul(3)) || (isNul(1) && isNul(3) && !isNul(0) && !isNul(2));
}
