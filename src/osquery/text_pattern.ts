/** Whether a text is admitted. */
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

/** Steps per character of text and pattern before a match gives up and admits: what keeps it linear. */
const STEPS_PER_CHARACTER = 16;
/** Of a long text one pass is made, and so many steps more: some milliseconds. */
const STEPS_BEYOND = 1_000_000;

/** SQLite's LIKE: % and _, ASCII without regard to case. No ESCAPE: SQLite keeps such a LIKE to itself. */
export function likePattern(pattern: string): TextPredicate {
  return (text) => matches(pattern, text, LIKE);
}

/** SQLite's GLOB: * and ?; undefined for a pattern with character classes, which is left to SQLite. */
export function globPattern(pattern: string): TextPredicate | undefined {
  return pattern.includes('[') ? undefined : (text) => matches(pattern, text, GLOB);
}

/**
 * Two pointers, going back to the last `many` on a mismatch. A pattern that goes back too often is given up and admits
 * the text: SQLite decides then.
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
    // Past the end of the pattern: NaN, equal to nothing.
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
