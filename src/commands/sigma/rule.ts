/** A document with a Sigma rule, and the condition in SQL that it becomes. */
import { type Condition, parseCondition } from './condition.ts';
import { columnOf, KEYWORD_COLUMNS, sha256Of } from './fields.ts';
import { testsOf } from './modifiers.ts';
import { containing } from './pattern.ts';
import { joined, nesting } from './sql_text.ts';
import { anyOf, type Test } from './test_sql.ts';
import { UnsupportedError } from './unsupported.ts';
import { isList, isMapping, type Mapping, type Value } from './yaml_documents.ts';

export interface Rule {
  readonly title: string;
  readonly id: string;
  readonly level: string;
  readonly description: string;
  readonly tags: readonly string[];
  readonly falsePositives: readonly string[];
  /** An expression of SQL over the columns of process_ancestry_events and the names of users; never NULL. */
  readonly condition: string;
}

interface Unsupported {
  /** The rule, as far as its document tells it. */
  readonly title: string;
  readonly id: string;
  /** Each field, modifier or value that cannot be expressed, with the reason. */
  readonly reasons: readonly string[];
}

/** SQLite's default (sqlite.org/limits.html), with room for the rest of the statement. */
export const SQL_MAX = 900_000;

/** Parentheses in one another: osquery's SQLite fails at 29 with "parser stack overflow" (YYSTACKDEPTH 100). */
const NESTING_MAX = 24;

/** Modifiers that say where in a text a value is. */
const PLACES = ['contains', 'startswith', 'endswith'];

export function compileRule(document: Value): Rule | Unsupported {
  const rule: Mapping = isMapping(document) ? document : {};
  const [title, id] = [lineOf(rule.title), lineOf(rule.id)];
  const reasons: string[] = [];
  const condition = attempt(reasons, () => conditionOf(rule, reasons));
  if (condition === undefined || reasons.length > 0) return { title, id, reasons: [...new Set(reasons)] };
  return {
    ...{ title, id, condition },
    level: lineOf(rule.level),
    description: lineOf(rule.description),
    tags: linesOf(rule.tags),
    falsePositives: linesOf(rule.falsepositives),
  };
}

/** Undefined, and one more reason, for what cannot be expressed. */
function attempt<T>(reasons: string[], make: () => T): T | undefined {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof UnsupportedError)) throw error;
    reasons.push(error.message);
    return undefined;
  }
}

function conditionOf(rule: Mapping, reasons: string[]): string {
  for (const kind of ['correlation', 'action', 'filter']) {
    if (kind in rule) throw new UnsupportedError(`a document with ${kind} is not a rule of its own`);
  }
  const { detection, logsource } = rule;
  if (!isMapping(detection) || !isMapping(logsource))
    throw new UnsupportedError('not a rule: it has no detection or no logsource');
  const { category, product, service } = logsource;
  if (category !== 'process_creation' || (product ?? 'linux') !== 'linux' || (service ?? null) !== null) {
    const named = ['product', 'category', 'service'].flatMap((key) =>
      logsource[key] ? [`${key} ${lineOf(logsource[key])}`] : [],
    );
    throw new UnsupportedError(`the log source is ${named.join(', ') || 'empty'}, not linux process_creation`);
  }
  if (lineOf(rule.title) === '') throw new UnsupportedError('not a rule: it has no title');
  const { condition, timeframe, ...searches } = detection;
  if (timeframe !== undefined) throw new UnsupportedError('a timeframe: each execution is compared alone');
  const texts = isList(condition) ? condition : [condition];
  const conditions = texts.map((text) => {
    if (typeof text !== 'string') throw new UnsupportedError('the condition is not a text');
    return conditionSql(parseCondition(text, Object.keys(searches)), searches, reasons);
  });
  if (conditions.length === 0) throw new UnsupportedError('the condition is empty');
  const sql = joined('OR', conditions);
  const bytes = Buffer.byteLength(sql);
  if (bytes > SQL_MAX)
    throw new UnsupportedError(`its SQL would have ${bytes} bytes: at most ${SQL_MAX} fit into a statement`);
  const levels = nesting(sql);
  if (levels > NESTING_MAX)
    throw new UnsupportedError(
      `its SQL would be nested ${levels} levels deep: SQLite takes ${NESTING_MAX} of a condition`,
    );
  return sql;
}

function conditionSql(condition: Condition, searches: Mapping, reasons: string[]): string {
  switch (condition.kind) {
    case 'not':
      return `(NOT ${conditionSql(condition.term, searches, reasons)})`;
    case 'identifier':
      return searchSql(searches[condition.name] ?? null, condition.name, reasons);
    default: {
      const terms = condition.terms.map((term) => conditionSql(term, searches, reasons));
      return joined(condition.kind === 'and' ? 'AND' : 'OR', terms);
    }
  }
}

/** A mapping of fields, which are joined by AND; or a list of mappings and keywords, which are joined by OR. */
function searchSql(search: Value, name: string, reasons: string[]): string {
  if (isMapping(search)) {
    const fields = Object.entries(search);
    if (fields.length === 0) throw new UnsupportedError(`${name} is empty`);
    return joined(
      'AND',
      fields.map(([key, values]) => attempt(reasons, () => fieldSql(key, values)) ?? '0'),
    );
  }
  const elements = isList(search) ? search : [search];
  if (elements.length === 0) throw new UnsupportedError(`${name} is empty`);
  const terms = elements.map((element) =>
    isMapping(element) ? searchSql(element, name, reasons) : (attempt(reasons, () => fieldSql('', element)) ?? '0'),
  );
  return joined('OR', terms);
}

/** `key` is a field with its modifiers; a field without name is any text of the row. */
function fieldSql(key: string, values: Value): string {
  const [field = '', ...modifiers] = key.split('|');
  const columns = field === '' ? KEYWORD_COLUMNS : [columnOf(field)];
  const list = isList(values) ? values : [values];
  const any = (tests: readonly Test[]) =>
    joined(
      'OR',
      columns.map((column) => anyOf(column, tests)),
    );
  try {
    if (list.length === 0) throw new UnsupportedError('it has no values');
    const tests = list.map((value) => valueTests(field, value, modifiers));
    return modifiers.includes('all') ? joined('AND', tests.map(any)) : any(tests.flat());
  } catch (error) {
    if (error instanceof UnsupportedError)
      throw new UnsupportedError(`${field === '' ? 'a keyword' : key}: ${error.message}`);
    throw error;
  }
}

function valueTests(field: string, value: Value, modifiers: readonly string[]): Test[] {
  if (isList(value) || isMapping(value)) throw new UnsupportedError('a value is a list or a mapping');
  // A row has one hash, so its place in a list of hashes has no meaning.
  if (field === 'Hashes' && typeof value === 'string')
    return testsOf(
      sha256Of(value),
      modifiers.filter((name) => !PLACES.includes(name)),
    );
  const tests = testsOf(value, modifiers);
  return field === '' ? tests.map(anywhere) : tests;
}

/** A keyword may be anywhere in a text. */
function anywhere(test: Test): Test {
  if (test.kind === 'exists') throw new UnsupportedError('null is not a keyword');
  return test.kind === 'pattern' ? { ...test, pattern: containing(test.pattern) } : test;
}

/** A value as one line, which SQL text and JSON can have. */
function lineOf(value: Value | undefined): string {
  return value === undefined || value === null || typeof value === 'object'
    ? ''
    : String(value)
        .toWellFormed()
        .replace(/[\s\p{Cc}]+/gu, ' ')
        .trim();
}

function linesOf(value: Value | undefined): string[] {
  return (isList(value) ? value : [value]).map(lineOf).filter((line) => line !== '');
}
