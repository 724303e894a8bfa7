/** The statements of detections: one for each, and one for all of them together. */
import { ALERT_COLUMNS } from '../../src/commands/sigma/alert_columns.ts';
import { columns as events } from '../../tables/process_ancestry_events.ts';
import { ALLOW, COMPUTED, expanded } from './detection_phrases.ts';

/** What a statement is made of. */
export interface Rule {
  readonly name: string;
  /** ATT&CK's ids. */
  readonly techniques: readonly string[];
  /** In the vocabulary of detection_phrases.ts. */
  readonly condition: string;
}

/** The row of a group is its last one: sqlite.org/lang_select.html, bare columns in an aggregate query. */
const OF_A_GROUP: Readonly<Record<string, string>> = { time: 'max(time)', cmdline: `group_concat(cmdline, ' ; ')` };

export const columnNames = Object.keys(ALERT_COLUMNS);

/** Strings, parentheses, and the operators between two conditions. */
const TOKEN = /'(?:[^']|'')*'|[()]|\b(?:AND|OR)\b/g;
/** Without IN: osquery asks the table once for each value. */
const SIMPLE = /^[a-z_]+ (?:GLOB|LIKE|=|<>|>=) (?:'(?:[^']|'')*'|\d+)$/;

/** The conditions joined by AND outside of parentheses. */
function conjuncts(sql: string): string[] {
  const found: string[] = [];
  let depth = 0;
  let from = 0;
  for (const { 0: token, index } of sql.matchAll(TOKEN)) {
    if (token === '(') depth++;
    else if (token === ')') depth--;
    else if (token === 'OR' && depth === 0) throw new Error(`put parentheses around the OR: ${sql.slice(0, 60)}…`);
    else if (token === 'AND' && depth === 0) {
      found.push(sql.slice(from, index).trim());
      from = index + token.length;
    }
  }
  return [...found, sql.slice(from).trim()];
}

/** Columns that a statement reads last: SQLite finds a value behind a large one slowly (sqlite.org/fileformat2.html, overflow pages). */
const LARGE = ['cmdline', 'args', 'ancestry', 'entry_leader'];

const wordsOf = (sql: string) => new Set(sql.replace(/'(?:[^']|'')*'/g, '').match(/[a-z_0-9]+/g));
/** Whether osquery pushes it down: a comparison of a column of the table with a constant. */
const isSimple = (sql: string) => SIMPLE.test(sql) && !Object.keys(COMPUTED).some((name) => sql.startsWith(`${name} `));

/**
 * A statement for executions only: forks and exits may have rows too. It reads the table once, for the new rows that meet the
 * simple conditions, which osquery pushes down. Otherwise SQLite may make a look-up for each side of an OR
 * (https://www.sqlite.org/optoverview.html, 3.1), and a later look-up of a subscriber may return newer rows than the first.
 */
function statement(subscriber: string, simple: readonly string[], selects: readonly string[]): string {
  const used = wordsOf(selects.join(' '));
  const computed = Object.entries(COMPUTED).filter(([name]) => used.has(name));
  for (const [, sql] of computed) for (const word of wordsOf(sql)) used.add(word);
  const columns = events.map(({ name }) => name).filter((name) => used.has(name));
  const read = [
    ...computed.map(([name, sql]) => `${sql} AS ${name}`),
    ...columns.filter((name) => !LARGE.includes(name)),
    ...LARGE.filter((name) => used.has(name)),
  ].join(', ');
  const asked = [`subscriber = '${subscriber}'`, "action GLOB '*exec*'", ...simple].join(' AND ');
  const rows = `SELECT ${read} FROM process_ancestry_events WHERE ${asked}`;
  return `WITH new AS MATERIALIZED (${rows}), allow AS MATERIALIZED (${ALLOW}) ${selects.join(' UNION ALL ')}`;
}

/** The conditions of a rule, what follows them, and the columns that it answers with. */
function partsOf({ name, condition }: Rule) {
  const [written = '', grouping = ''] = expanded(condition).split(/(?= GROUP BY )/);
  const columns = Object.entries(ALERT_COLUMNS).map(([column, plain]) => {
    const sql = (grouping !== '' && OF_A_GROUP[column]) || plain;
    return sql === column ? column : `${sql} AS ${column}`;
  });
  const notAllowed = expanded('NOT {allowed}').replace('detection_name', `'${name}'`);
  return { conditions: [...conjuncts(written), notAllowed], grouping, columns };
}

/** The statement of one detection. */
export function statementOf(rule: Rule): string {
  const { conditions, grouping, columns } = partsOf(rule);
  const checked = conditions.filter((one) => !isSimple(one));
  const select = `SELECT ${columns.join(', ')} FROM new WHERE ${checked.join(' AND ')}${grouping}`;
  return statement(`detections.${rule.name}`, conditions.filter(isSimple), [select]);
}

/** One statement for all detections: it reads each row once, and says what found it. */
export function combinedStatement(rules: readonly Rule[]): string {
  const selects = rules.map((rule) => {
    const { conditions, grouping, columns } = partsOf(rule);
    const says = [`'${rule.name}' AS detection`, `'${rule.techniques.join(', ')}' AS techniques`];
    return `SELECT ${[...says, ...columns].join(', ')} FROM new WHERE ${conditions.join(' AND ')}${grouping}`;
  });
  return statement('detections', [], selects);
}
