/** A number that SQLite's numeric affinity reads from text. */
export type SqliteNumber =
  | { readonly kind: 'integer'; readonly value: number | bigint }
  | { readonly kind: 'real'; readonly value: number };

const SPACE = ' \\t\\n\\v\\f\\r';
const INTEGER = new RegExp(`^[${SPACE}]*([+-]?\\d+)[${SPACE}]*$`);
const REAL = new RegExp(`^[${SPACE}]*([+-]?(?:\\d+(?:\\.\\d*)?|\\.\\d+)(?:[eE][+-]?\\d+)?)[${SPACE}]*$`);
const MIN_INT64 = -(2n ** 63n);
const MAX_INT64 = 2n ** 63n - 1n;

/**
 * Reads text as SQLite does for a comparison with a number: white space around it, sign, digits, fraction, exponent; no
 * hexadecimal, no NaN, no Infinity (datatype3.html, section 3). Integers are exact; beyond 64 bits they are real.
 *
 * @returns undefined where SQLite keeps the text, and for a number that exceeds a double
 */
export function parseSqliteNumber(text: string): SqliteNumber | undefined {
  const integer = INTEGER.exec(text)?.[1];
  if (integer !== undefined) {
    const small = Number(integer);
    if (Number.isSafeInteger(small)) return { kind: 'integer', value: small === 0 ? 0 : small };
    if (integer.length < 64) {
      const big = BigInt(integer);
      if (big >= MIN_INT64 && big <= MAX_INT64) return { kind: 'integer', value: big };
    }
    return real(small);
  }
  const written = REAL.exec(text)?.[1];
  return written === undefined ? undefined : real(Number(written));
}

/** Whether text is an infinite number as SQLite writes it, or a number whose 15 digits round above the largest double. */
export function exceedsDouble(text: string): boolean {
  return /^[+-]?inf$/i.test(text) || (/^[+-]?\d\.\d+e\+308$/.test(text) && !Number.isFinite(Number(text)));
}

function real(value: number): SqliteNumber | undefined {
  return Number.isFinite(value) ? { kind: 'real', value } : undefined;
}

/** The same key for an integer as number and as bigint: safe integers are numbers, others bigints. */
export function integerKey(value: number | bigint): number | bigint {
  if (typeof value === 'bigint') {
    const small = Number(value);
    return Number.isSafeInteger(small) ? small : value;
  }
  if (Number.isSafeInteger(value)) return value === 0 ? 0 : value;
  return Number.isInteger(value) ? BigInt(value) : value;
}
