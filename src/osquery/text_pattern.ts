/** Whether a text may match. */
export type TextPredicate = (text: string) => boolean;

interface Wildcards {
  /** Any number of characters. */
  readonly many: number;
  /** One code point. */
  readonly one: number;
  readonly foldCase: boolean;
}

const LIKE: Wildcards = { many: 0x25, one: 0x5f, foldCase: true };
const GLOB: Wildcards = { many: 0x2a, one: 0x3f, foldCase: false };

/** Steps per character of text and pattern, which keep the time linear. After them the text is admitted. */
const STEPS_PER_CHARACTER = 16;
/** Steps beyond one pass over a long text: some milliseconds. */
const STEPS_BEYOND = 1_000_000;

/** SQLite's LIKE: % and _, ignoring ASCII case. Without ESCAPE: SQLite does not pass on such a LIKE. */
export function likePattern(pattern: string): TextPredicate {
  return (text) => matches(pattern, text, LIKE);
}

/** SQLite's GLOB: * and ?; undefined for a pattern with character classes, which only SQLite checks. */
export function globPattern(pattern: string): TextPredicate | undefined {
  return pattern.includes('[') ? undefined : (text) => matches(pattern, text, GLOB);
}

/**
 * Matches with two pointers; a mismatch goes back to the last `many`. After too many steps the text is admitted, and
 * SQLite decides.
 */
function matches(pattern: string, text: string, wildcards: Wildcards): boolean {
  const { many, one, foldCase } = wildcards;
  const length = pattern.length + text.length;
  let steps = Math.min(length * STEPS_PER_CHARACTER, length + STEPS_BEYOND);
  let p = 0;
  let t = 0;
  let retryPattern = -1;
  let retryText = 0;
  while (t < text.length) {
    if (steps-- === 0) return true;
    // After the end of the pattern: NaN, which equals nothing.
    const want = pattern.charCodeAt(p);
    if (want === many) {
      p += 1;
      if (p === pattern.length) return true;
      retryPattern = p;
      retryText = t;
      continue;
    }
    const have = text.charCodeAt(t);
    if (want === one) {
      p += 1;
      t += width(text, t, have);
    } else if (want === have || (foldCase && folded(want) === folded(have))) {
      p += 1;
      t += 1;
    } else if (retryPattern >= 0) {
      p = retryPattern;
      retryText += width(text, retryText, text.charCodeAt(retryText));
      t = retryText;
    } else return false;
  }
  while (p < pattern.length && pattern.charCodeAt(p) === many) p += 1;
  return p === pattern.length;
}

function width(text: string, at: number, unit: number): number {
  if (unit < 0xd800 || unit > 0xdbff) return 1;
  const next = text.charCodeAt(at + 1);
  return next >= 0xdc00 && next <= 0xdfff ? 2 : 1;
}

function folded(unit: number): number {
  return unit >= 0x41 && unit <= 0x5a ? unit + 32 : unit;
}
