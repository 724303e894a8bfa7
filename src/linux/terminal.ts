/** Converts terminals between names, as in osquery, and device numbers. The kernel reports either of them. */

export interface CharDevice {
  readonly major: number;
  readonly minor: number;
}

interface Driver extends CharDevice {
  /** The name in /dev without the number. */
  readonly name: string;
  readonly count: number;
}

const MINORS = 2 ** 20;

/** The kinds of terminals that a session can have, with the first device of each (Documentation/admin-guide/devices.txt). */
const DRIVERS: readonly Driver[] = [
  { name: 'tty', major: 4, minor: 0, count: 64 },
  { name: 'ttyS', major: 4, minor: 64, count: 192 },
  { name: 'pts/', major: 136, minor: 0, count: MINORS },
  { name: 'ttyACM', major: 166, minor: 0, count: MINORS },
  { name: 'ttyUSB', major: 188, minor: 0, count: MINORS },
  { name: 'ttyAMA', major: 204, minor: 64, count: 16 },
  { name: 'ttyUL', major: 204, minor: 187, count: 4 },
  { name: 'xvc', major: 204, minor: 191, count: 8 },
  { name: 'ttymxc', major: 207, minor: 16, count: 8 },
  { name: 'hvc', major: 229, minor: 0, count: MINORS },
];
const CONSOLE: CharDevice = { major: 5, minor: 1 };
/** Every 256 pts devices have their own major number (include/uapi/linux/major.h). */
const LAST_PTS_MAJOR = 143;

/** pts/1, tty1, ttyS0, console; major:minor if the name is unknown. */
export function terminalOf({ major, minor }: CharDevice): string {
  if (major === CONSOLE.major && minor === CONSOLE.minor) return 'console';
  if (major > 136 && major <= LAST_PTS_MAJOR) return `pts/${(major - 136) * 256 + minor}`;
  const driver = DRIVERS.find((one) => one.major === major && one.minor <= minor && minor < one.minor + one.count);
  return driver ? `${driver.name}${minor - driver.minor}` : `${major}:${minor}`;
}

/** The device of a name; undefined if unknown. */
export function charDeviceOf(terminal: string): CharDevice | undefined {
  if (terminal === 'console') return CONSOLE;
  const [, name, first, second] = /^(\D*)(\d{1,7})(?::(\d{1,7}))?$/.exec(terminal) ?? [];
  if (name === undefined || (name === '') !== (second !== undefined)) return undefined;
  if (name === '') return { major: Number(first), minor: Number(second) };
  const driver = DRIVERS.find((one) => one.name === name);
  return driver && { major: driver.major, minor: driver.minor + Number(first) };
}

/**
 * Normalizes a terminal name. The kernel writes pts1, a program /dev/pts/1, and both become pts/1. A name from /proc may be a
 * device number.
 */
export function terminalNamed(name: string): string {
  if (name.startsWith('/dev/')) return name.slice('/dev/'.length);
  if (/^pts\d/.test(name)) return `pts/${name.slice(3)}`;
  const device = /^\d+:\d+$/.test(name) ? charDeviceOf(name) : undefined;
  return device ? terminalOf(device) : name;
}
