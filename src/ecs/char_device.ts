/** The device behind a terminal's name (Documentation/admin-guide/devices.txt). */
import { integerMember, objectMember } from './json_text.ts';

export interface CharDevice {
  readonly major: number;
  readonly minor: number;
}

const TTY_MAJOR = 4;
const FIRST_SERIAL_MINOR = 64;
const CONSOLE: CharDevice = { major: 5, minor: 1 };
const UNIX98_PTY_SLAVE_MAJOR = 136;

/** Of pts/1, tty1, ttyS0, console or major:minor; undefined where the name does not tell. */
export function charDeviceOf(tty: string): CharDevice | undefined {
  if (tty === '') return undefined;
  if (tty === 'console') return CONSOLE;
  const [, kind, number, minor] = /^(pts\/|ttyS|tty|)(\d{1,7})(?::(\d{1,7}))?$/.exec(tty) ?? [];
  if (kind === undefined || (kind === '') !== (minor !== undefined)) return undefined;
  switch (kind) {
    case 'pts/':
      return { major: UNIX98_PTY_SLAVE_MAJOR, minor: Number(number) };
    case 'tty':
      return { major: TTY_MAJOR, minor: Number(number) };
    case 'ttyS':
      return { major: TTY_MAJOR, minor: FIRST_SERIAL_MINOR + Number(number) };
    default:
      return { major: Number(number), minor: Number(minor) };
  }
}

export function ttyMember(device: CharDevice | undefined): string {
  if (!device) return '';
  const members = integerMember('major', device.major) + integerMember('minor', device.minor);
  return objectMember('tty', objectMember('char_device', members));
}
