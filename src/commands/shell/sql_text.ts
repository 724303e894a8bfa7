/** SQL as text: SQLite's tokens, and where one statement ends and the next begins. */

type TokenKind = 'word' | 'quoted name' | 'string' | 'blob' | 'number' | 'sign' | 'semicolon';

export interface Token {
  readonly kind: TokenKind;
  /** What the token stands for: quotes removed, doubled quotes undone. */
  readonly text: string;
  /** Where it begins and ends in the SQL. */
  readonly start: number;
  readonly end: number;
}

interface Tokens {
  readonly tokens: readonly Token[];
  /** A quote or a comment is still open at the end. */
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
  /** What follows the last semicolon. */
  readonly rest: string;
  /** The rest holds nothing but space and finished comments. */
  readonly restIsBlank: boolean;
}

/** Splits at semicolons that stand outside of quotes and comments. */
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

/** Every statement of a text whose last one may lack its semicolon. */
export function allStatements(sql: string): readonly string[] {
  const { complete, rest, restIsBlank } = splitStatements(sql);
  return restIsBlank ? complete : [...complete, rest.trim()];
}

/** The text from its first token on. */
export function withoutLeadingComments(sql: string): string {
  return sql.slice(tokenize(sql).tokens[0]?.start ?? sql.length);
}
