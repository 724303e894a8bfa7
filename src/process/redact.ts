/** Secrets in arguments, taken out before anything is stored. */

import type { ExecDetails } from '../collect/event.ts';
import { messageOf } from '../error_message.ts';

export class RedactError extends Error {
  override readonly name = 'RedactError';
}

const MASK = '***';

/** One regular expression, or a JSON array of them. Throws RedactError that names the one that is none. */
export function parseRedactPatterns(text: string): RegExp[] {
  if (text.trim() === '') return [];
  let sources: unknown = [text];
  if (text.trimStart().startsWith('[')) {
    try {
      const parsed: unknown = JSON.parse(text);
      if (Array.isArray(parsed)) sources = parsed;
    } catch {
      // A lone expression may begin with a bracket, as [Pp]assword=\S+.
    }
  }
  return (sources as unknown[]).map((source) => {
    if (typeof source !== 'string')
      throw new RedactError(`process_ancestry_redact: ${JSON.stringify(source)} is not a text`);
    try {
      return new RegExp(source, 'dg');
    } catch (error) {
      throw new RedactError(`process_ancestry_redact: ${messageOf(error)}`);
    }
  });
}

/** Matches within each argument become ***; of a match with groups, only its first group. */
export function redact(details: ExecDetails, patterns: readonly RegExp[]): ExecDetails {
  if (patterns.length === 0 || details.args === '') return details;
  const args = details.args
    .split('\0')
    .map((arg) => patterns.reduce(mask, arg))
    .join('\0');
  return args === details.args ? details : { ...details, args };
}

function mask(arg: string, pattern: RegExp): string {
  let masked = '';
  let from = 0;
  for (const match of arg.matchAll(pattern)) {
    const [start, end] = match.indices?.[1] ?? match.indices?.[0] ?? [0, 0];
    if (start < from || start === end) continue;
    masked += arg.slice(from, start) + MASK;
    from = end;
  }
  return masked + arg.slice(from);
}
