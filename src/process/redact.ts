/** Redacts secrets in arguments and environment variables before they are stored. */

import type { ExecDetails } from '../collect/event.ts';
import { RedactError, RedactPattern } from './redact_pattern.ts';

export { RedactError };

const MASK = '***';

/** Matches every argument. Used if the given patterns are invalid. */
export const REDACT_ALL = '(?s).+';

/**
 * Characters of the arguments of one exec that are tested, all patterns together. A test takes 5 to 50 ns per character, so
 * one exec blocks the event loop for about 25 ms.
 */
export const TESTED_MAX = 524_288;
/** The same, for arguments that are tested one by one. */
const TESTED_ONE_BY_ONE_MAX = TESTED_MAX / 2;
/** Characters of the arguments of one exec that are searched for matches: 100 to 400 ns each. */
export const SEARCHED_MAX = 65_536;
/** The cost of a call, in tested characters. */
const CALL_COST = 16;
/** Characters that are tested in the time of one searched character. */
const TESTS_A_SEARCH = 8;

/** Characters from `start` to `end`, without `end`. */
type Range = readonly [start: number, end: number];

/** One regular expression, or a JSON array of them. Throws RedactError with the name of the invalid one. */
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
    // A single expression may start with a bracket, as in [Pp]assword=\S+.
  }
  if (!/^\s*[[{]\s*["'}]/.test(text)) return [text];
  throw new RedactError(
    `process_ancestry_redact: ${JSON.stringify(text)} begins like JSON and is no JSON array of texts: write ["…", "…"]`,
  );
}

/**
 * Replaces matches by ***. If a pattern has groups, only the groups that matched are replaced. Each argument is searched
 * alone and as part of the command line: a space in a pattern also matches the end of an argument, and `.` does not.
 * Arguments beyond the bounds become one ***. An argument that was cut is replaced completely, because a pattern may need the
 * missing part. Environment variables (NAME=value) are treated like arguments.
 */
export function redact(details: ExecDetails, patterns: readonly RedactPattern[]): ExecDetails {
  if (patterns.length === 0) return details;
  const redacted = (texts: string, isCut: boolean) =>
    texts === '' ? '' : new ArgumentSearch(texts, isCut).redacted(patterns);
  const args = redacted(details.args, details.argsCut);
  const environment = redacted(details.environment, false);
  return args === details.args && environment === details.environment ? details : { ...details, args, environment };
}

/** The search for secrets in the arguments of one exec. It is bounded: the rest beyond the bound is redacted. */
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
      // Without an assertion, a match in an argument is also a match in the line.
      if (matches || pattern.hasAssertion) this.#searchEach(pattern, line);
    }
    const searched = masked(args.slice(0, length), this.#ranges);
    return length < args.length ? `${searched}\0${MASK}` : searched;
  }

  /** Characters up to the end of the last argument within the bound. */
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

  /** Finds all matches. Quadratic in the worst case: each match may read ahead to the end of the text. */
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

/** The arguments with *** in place of the ranges. The separators between arguments stay. */
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
