/**
 * Values with the wildcards * and ?, and their SQL. LIKE ignores the case of ASCII letters only; GLOB respects case
 * (sqlite.org/lang_expr.html, 5).
 */
import { quoted } from './sql_text.ts';
import { UnsupportedError } from './unsupported.ts';

const ANY = Symbol('any number of characters');
const ONE = Symbol('one character');
/** One of DASHES. */
const DASH = Symbol('one dash');
type Token = string | typeof ANY | typeof ONE | typeof DASH;
/** A string is one character. */
export type Pattern = readonly Token[];

/** Characters that begin an option, for the modifier windash. */
const DASHES = '-/–—―';
/** SQLITE_MAX_LIKE_PATTERN_LENGTH, bytes. */
const LIKE_MAX = 50_000;

/** A backslash makes the next *, ? or backslash a plain character. Any other backslash is plain. */
export function parsePattern(text: string): Pattern {
  return [...text.matchAll(/\\([*?\\])|[\s\S]/gu)].map(([character, escaped]) => {
    if (escaped !== undefined) return escaped;
    return character === '*' ? ANY : character === '?' ? ONE : character;
  });
}

export const plainPattern = (text: string): Pattern => [...text];
export const beginningWith = (pattern: Pattern): Pattern => [...pattern, ANY];
export const endingWith = (pattern: Pattern): Pattern => [ANY, ...pattern];
export const containing = (pattern: Pattern): Pattern => [ANY, ...pattern, ANY];

/** The text of a pattern without wildcards; undefined for another pattern. */
export function plainText(pattern: Pattern): string | undefined {
  return pattern.every((token) => typeof token === 'string') ? pattern.join('') : undefined;
}

/** Each dash that begins a word matches each of DASHES. */
export function withDashes(pattern: Pattern): Pattern {
  const isWord = (token: Token | undefined) => typeof token === 'string' && /[\p{L}\p{N}_]/u.test(token);
  return pattern.map((token, at) =>
    typeof token === 'string' && DASHES.includes(token) && !isWord(pattern[at - 1]) && isWord(pattern[at + 1])
      ? DASH
      : token,
  );
}

/** A column that has no value matches no pattern but the empty one. */
export function patternSql(column: string, pattern: Pattern, isCased: boolean): string {
  if (pattern.length === 0) return `ifnull(${column}, '') = ''`;
  if (pattern.every((token) => token === ANY)) return `${column} <> ''`;
  const text = plainText(pattern);
  if (text !== undefined) return `${column} = ${quoted(text)}${isCased ? '' : ' COLLATE NOCASE'}`;
  if (isCased) return `${column} GLOB ${bounded(globText(pattern))}`;
  // LIKE has no sets of characters. lower() changes ASCII letters only, as LIKE does.
  if (pattern.includes(DASH)) return `lower(${column}) GLOB ${bounded(globText(pattern.map(lowered)))}`;
  const like = pattern.map((token) => {
    if (typeof token === 'string') return /[%_\\]/.test(token) ? `\\${token}` : token;
    return token === ANY ? '%' : '_';
  });
  return `${column} LIKE ${bounded(like.join(''))}${like.some((part) => part.length > 1) ? " ESCAPE '\\'" : ''}`;
}

function globText(pattern: Pattern): string {
  const part = (token: Token) => {
    if (typeof token === 'string') return /[*?[]/.test(token) ? `[${token}]` : token;
    return token === ANY ? '*' : token === ONE ? '?' : `[${DASHES}]`;
  };
  return pattern.map(part).join('');
}

function lowered(token: Token): Token {
  return typeof token === 'string' && /[A-Z]/.test(token) ? token.toLowerCase() : token;
}

function bounded(text: string): string {
  const bytes = Buffer.byteLength(text);
  if (bytes > LIKE_MAX)
    throw new UnsupportedError(`a value of ${bytes} bytes: SQLite takes patterns of at most ${LIKE_MAX}`);
  return quoted(text);
}
