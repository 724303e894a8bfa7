/** Splits SQL text into tokens and statements. */

type TokenKind = 'word' | 'quoted name' | 'string' | 'blob' | 'number' | 'sign' | 'semicolon';

export interface Token {
  readonly kind: TokenKind;
  /** Value of the token, without quotes and with doubled quotes resolved. */
  readonly text: string;
  /** Position in the SQL. */
  readonly start: number;
  readonly end: number;
}

interface Tokens {
  readonly tokens: readonly Token[];
  /** Whether a quote or comment is not closed. */
  readonly open: boolean;
}

const patterns: readonly [TokenKind | 'space', RegExp][] = [
  ['space', /\s+|--[^\n]*(?:\n|$)|\/\*.*?\*\//sy],
  ['blob', /[xX]'[0-9a-fA-F]*'/y],
  ['string', /'(?:[^']|'')*'/y],
  ['quoted name', /"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]/y],
  ['number', /0[xX][0-9a-fA-F_]+|(?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:[eE][+-]?[\d_]+)?/y],
  ['word', /[\p{L}_\u{80}-\u{10ffff}][\p{L}\p{N}_$\u{80}-\u{10ffff}]*/uy],
  ['semicolon', /;/y],
  ['sign', /\|\||<=|>=|<>|!=|==|<<|>>|->>|->|./suy],
];
const unfinished = /'|"|`|\[|\/\*/y;

export function tokenize(sql: string): Tokens {
  const tokens: Token[] = [];
  let start = 0;
  scan: while (start < sql.length) {
    for (const [kind, pattern] of patterns) {
      if (kind === 'semicolon' || kind === 'sign') {
        unfinished.lastIndex = start;
        if (unfinished.test(sql)) return { tokens, open: true };
      }
      pattern.lastIndex = start;
      const found = pattern.exec(sql);
      if (found === null) continue;
      const raw = found[0];
      if (kind !== 'space') tokens.push({ kind, text: unquote(kind, raw), start, end: start + raw.length });
      start += raw.length;
      continue scan;
    }
    start += 1;
  }
  return { tokens, open: false };
}

function unquote(kind: TokenKind, raw: string): string {
  if (kind !== 'string' && kind !== 'quoted name') return raw;
  const quote = raw.at(-1) ?? '';
  return raw.slice(1, -1).replaceAll(quote + quote, quote);
}

interface Statements {
  /** Complete statements, without the semicolon; empty ones are left out. */
  readonly complete: readonly string[];
  /** Text after the last semicolon. */
  readonly rest: string;
  /** Whether the rest contains only whitespace and complete comments. */
  readonly restIsBlank: boolean;
}

/** Splits at semicolons outside of quotes and comments. */
export function splitStatements(sql: string): Statements {
  const { tokens, open } = tokenize(sql);
  const complete: string[] = [];
  let start = 0;
  let meaningful = false;
  for (const token of tokens) {
    if (token.kind !== 'semicolon') {
      meaningful = true;
      continue;
    }
    if (meaningful) complete.push(sql.slice(start, token.start).trim());
    start = token.end;
    meaningful = false;
  }
  return { complete, rest: sql.slice(start), restIsBlank: !meaningful && !open };
}

/** All statements of a text. The last one may lack its semicolon. */
export function allStatements(sql: string): readonly string[] {
  const { complete, rest, restIsBlank } = splitStatements(sql);
  return restIsBlank ? complete : [...complete, rest.trim()];
}

export function withoutLeadingComments(sql: string): string {
  return sql.slice(tokenize(sql).tokens[0]?.start ?? sql.length);
}
