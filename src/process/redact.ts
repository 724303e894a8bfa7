/** Secrets in arguments, taken out before anything is stored. */

import type { ExecDetails } from '../collect/event.ts';
import { RedactError, RedactPattern } from './redact_pattern.ts';

export { RedactError };

const MASK = '***';

/** Matches every argument. In force where the patterns that were given are refused. */
export const REDACT_ALL = '(?s).+';

/**
 * Characters of one exec's arguments that patterns are tested on, all patterns together. A test takes 5 to 50 ns a
 * character, so that one exec holds the event loop for some 25 ms.
 */
export const TESTED_MAX = 524_288;
/** The same for arguments that are tested one by one. */
const TESTED_ONE_BY_ONE_MAX = TESTED_MAX / 2;
/** Characters of one exec's arguments in which matches are looked for: 100 to 400 ns each. */
export const SEARCHED_MAX = 65_536;
/** What a call costs, in characters that are tested. */
const CALL_COST = 16;
/** How many characters are tested in the time in which one is searched. */
const TESTS_A_SEARCH = 8;

/** Characters from `start` to `end`, which is not part of it. */
type Range = readonly [start: number, end: number];

/** One regular expression, or a JSON array of them. Throws RedactError that names the one that is none. */
export function parseRedactPatterns(text: string): RedactPattern[] {
  if (text.trim() === '') return [];
  return sourcesIn(text).map((source) => {
    if (typeof source !== 'string')
      throw new RedactError(`process_ancestry_redact: ${JSON.stringify(source)} is not a text`);
    try {
      return new RedactPattern(source);
    } catch (error) {
      if (!(error instanceof RedactError)) throw error;
      throw new RedactError(`process_ancestry_redact: ${error.message}`);
    }
  });
}

function sourcesIn(text: string): readonly unknown[] {
  if (!/^\s*[[{]/.test(text)) return [text];
  try {
    const parsed: unknown = JSON.parse(text);
    if (Array.isArray(parsed)) return parsed;
  } catch {
    // A lone expression may begin with a bracket, as [Pp]assword=\S+.
  }
  if (!/^\s*[[{]\s*["'}]/.test(text)) return [text];
  throw new RedactError(
    `process_ancestry_redact: ${JSON.stringify(text)} begins like JSON and is no JSON array of texts: write ["…", "…"]`,
  );
}

/**
 * Matches become ***: of a match with groups, all of its groups that took part; of others the whole. An argument is
 * searched alone and with its neighbours, as a command line shows them: a space in a pattern also stands for the end of
 * an argument, and `.` does not go beyond it. Arguments beyond the bounds become one ***. An argument that was cut is
 * redacted whole, because a pattern may need what is missing.
 */
export function redact(details: ExecDetails, patterns: readonly RedactPattern[]): ExecDetails {
  if (patterns.length === 0 || details.args === '') return details;
  const args = new ArgumentSearch(details.args, details.argsCut).redacted(patterns);
  return args === details.args ? details : { ...details, args };
}

/** The search for secrets in one exec's arguments. It is bounded, and takes what lies beyond its bound for a secret. */
class ArgumentSearch {
  readonly #args: string;
  readonly #isCut: boolean;
  readonly #ranges: Range[] = [];
  #testsLeft = TESTED_ONE_BY_ONE_MAX;
  #searchesLeft = SEARCHED_MAX;

  constructor(args: string, isCut: boolean) {
    this.#args = args;
    this.#isCut = isCut;
  }

  redacted(patterns: readonly RedactPattern[]): string {
    const args = this.#args;
    const length = this.#lengthToSearch(patterns.length);
    if (length === 0) return MASK;
    if (this.#isCut) this.#ranges.push([args.lastIndexOf('\0') + 1, args.length]);
    const line = args.slice(0, length).replaceAll('\0', '\n');
    for (const pattern of patterns) {
      const matches = pattern.test(line);
      if (matches) this.#search(pattern, line, 0);
      // Without an assertion, what matches in an argument matches in the line.
      if (matches || pattern.hasAssertion) this.#searchEach(pattern, line);
    }
    const searched = masked(args.slice(0, length), this.#ranges);
    return length < args.length ? `${searched}\0${MASK}` : searched;
  }

  /** Characters up to the end of the last argument that is within the bound. */
  #lengthToSearch(patterns: number): number {
    const most = Math.floor(TESTED_MAX / patterns);
    return this.#args.length <= most ? this.#args.length : Math.max(0, this.#args.lastIndexOf('\0', most));
  }

  #searchEach(pattern: RedactPattern, line: string): void {
    const args = this.#args;
    for (let start = 0; start < line.length; ) {
      const nul = args.indexOf('\0', start);
      const end = nul < 0 ? line.length : Math.min(nul, line.length);
      this.#testsLeft -= CALL_COST + end - start;
      if (this.#testsLeft < 0) {
        this.#ranges.push([start, line.length]);
        return;
      }
      const argument = args.slice(start, end);
      if (pattern.test(argument)) this.#search(pattern, argument, start);
      start = end + 1;
    }
  }

  /** Finds all matches. That is quadratic in the worst case, as each may have to look ahead to the end of the text. */
  #search(pattern: RedactPattern, text: string, offset: number): void {
    const matcher = pattern.matcher(text);
    for (let at = 0; at < text.length; at = matcher.end()) {
      if (at > 0 && !pattern.hasAssertion) {
        this.#searchesLeft -= (text.length - at) / TESTS_A_SEARCH;
        if (this.#searchesLeft >= 0 && !pattern.test(text.slice(at))) return;
      }
      this.#searchesLeft -= text.length - at;
      if (this.#searchesLeft < 0) {
        this.#ranges.push([offset + at, offset + text.length]);
        return;
      }
      if (!matcher.find()) return;
      this.#add(matcher.start(), matcher.end(), offset, matcher);
    }
  }

  #add(start: number, end: number, offset: number, matcher: ReturnType<RedactPattern['matcher']>): void {
    const groups: Range[] = [];
    for (let group = 1; group <= matcher.groupCount(); group++) {
      if (matcher.start(group) >= 0) groups.push([matcher.start(group), matcher.end(group)]);
    }
    for (const [from, to] of groups.length > 0 ? groups : [[start, end] as const]) {
      if (from < to) this.#ranges.push([offset + from, offset + to]);
    }
  }
}

/** The arguments with *** for what a range covers of each. Where one argument ends and the next begins stays. */
function masked(args: string, ranges: readonly Range[]): string {
  if (ranges.length === 0) return args;
  const inOrder = ranges.toSorted(([one], [other]) => one - other);
  let text = '';
  let from = 0;
  for (let i = 0; i < inOrder.length; ) {
    const [start, first] = inOrder[i++] as Range;
    let end = first;
    for (let next = inOrder[i]; next && next[0] < end; next = inOrder[++i]) end = Math.max(end, next[1]);
    text += args.slice(from, start) + args.slice(start, end).replace(/[^\0]+/g, MASK);
    from = end;
  }
  return text + args.slice(from);
}
