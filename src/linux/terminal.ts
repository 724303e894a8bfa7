/** Terminals by name, as osquery shows them, and by device number: the kernel tells now the one, now the other. */

export interface CharDevice {
  readonly major: number;
  readonly minor: number;
}

interface Driver extends CharDevice {
  /** What comes before the number in /dev. */
  readonly name: string;
  readonly count: number;
}

const MINORS = 2 ** 20;

/** The first of each kind that can be a session's (Documentation/admin-guide/devices.txt), by major and minor. */
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
/** Once a pts had a major of its own for every 256 (include/uapi/linux/major.h). */
const LAST_PTS_MAJOR = 143;

/** pts/1, tty1, ttyS0, console; major:minor for what has no known name. */
export function terminalOf({ major, minor }: CharDevice): string {
  if (major === CONSOLE.major && minor === CONSOLE.minor) return 'console';
  if (major > 136 && major <= LAST_PTS_MAJOR) return `pts/${(major - 136) * 256 + minor}`;
  const driver = DRIVERS.find((one) => one.major === major && one.minor <= minor && minor < one.minor + one.count);
  return driver ? `${driver.name}${minor - driver.minor}` : `${major}:${minor}`;
}

/** The device behind a name; undefined where it does not tell. */
export function charDeviceOf(terminal: string): CharDevice | undefined {
  if (terminal === 'console') return CONSOLE;
  const [, name, first, second] = /^(\D*)(\d{1,7})(?::(\d{1,7}))?$/.exec(terminal) ?? [];
  if (name === undefined || (name === '') !== (second !== undefined)) return undefined;
  if (name === '') return { major: Number(first), minor: Number(second) };
  const driver = DRIVERS.find((one) => one.name === name);
  return driver && { major: driver.major, minor: driver.minor + Number(first) };
}

/**
 * The kernel names a terminal without the slash of its place in /dev, a program by its path: pts1 and /dev/pts/1 are pts/1.
 * From /proc it may be its device.
 */
export function terminalNamed(name: string): string {
  if (name.startsWith('/dev/')) return name.slice('/dev/'.length);
  if (/^pts\d/.test(name)) return `pts/${name.slice(3)}`;
  const device = /^\d+:\d+$/.test(name) ? charDeviceOf(name) : undefined;
  return device ? terminalOf(device) : name;
}
