/** A number that SQLite reads from text. */
export interface SqliteNumber {
  readonly value: number;
  /** Whether `value` is an integer without rounding. */
  readonly isExact: boolean;
}

const SPACE = '[ \\t\\n\\v\\f\\r]*';
const NUMBER = new RegExp(`^${SPACE}[+-]?(?:\\d+(?:\\.\\d*)?|\\.\\d+)(?:[eE][+-]?\\d+)?${SPACE}$`);
const INTEGER = new RegExp(`^${SPACE}[+-]?\\d+${SPACE}$`);
/** How SQLite writes an infinite number. */
const INFINITE = /^[+-]?inf$/i;

/**
 * Reads text as SQLite does for a comparison with a number: white space around it, sign, digits, fraction, exponent; no
 * hexadecimal, no NaN (datatype3.html, section 3).
 *
 * @returns undefined where SQLite keeps the text
 */
export function parseSqliteNumber(text: string): SqliteNumber | undefined {
  if (INFINITE.test(text)) return { value: text.startsWith('-') ? -Infinity : Infinity, isExact: false };
  if (!NUMBER.test(text)) return undefined;
  const value = Number(text);
  return { value, isExact: Number.isSafeInteger(value) && INTEGER.test(text) };
}
