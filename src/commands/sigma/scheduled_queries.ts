/** The scheduled queries of rules: name, subscriber, statement and description of each. */
import { createHash } from 'node:crypto';
import { type Rule, SQL_MAX } from './rule.ts';
import { statementOf } from './statement.ts';

export interface ScheduledQuery {
  readonly name: string;
  readonly rules: readonly Rule[];
  /** What the rows are good for. */
  readonly value: string;
  readonly description: string;
  /** For this subscriber; undefined for all rows that are kept. */
  readonly statement: (subscriber: string | undefined) => string;
}

/**
 * @param rulesPerQuery a query has fewer rules where its SQL would be too long
 */
export function scheduledQueries(rules: readonly Rule[], rulesPerQuery: number): ScheduledQuery[] {
  const groups = grouped(rules, rulesPerQuery);
  const names = namesOf(
    groups.map((group, at) => {
      const title = rulesPerQuery === 1 ? wordsOf(group[0]?.title ?? '') || 'rule' : `rules_${at + 1}`;
      return `${title.slice(0, TITLE_MAX)}_${hashOf(group)}`;
    }),
  );
  return groups.map((group, at) => {
    const [rule] = group;
    return {
      name: names[at] ?? '',
      rules: group,
      value:
        group.length === 1 && rule
          ? identification(rule)
          : `${group.length} rules: rule_title, rule_id and rule_level name the one that matched`,
      description:
        group.length === 1 && rule ? describe(rule) : `Sigma rules: ${group.map(({ title }) => title).join('; ')}`,
      statement: (subscriber) => statementOf(group, subscriber),
    };
  });
}

function grouped(rules: readonly Rule[], count: number): Rule[][] {
  const groups: Rule[][] = [];
  let bytes = 0;
  for (const rule of rules) {
    const more = Buffer.byteLength(`${rule.condition}${rule.title}${rule.id}`) + 100;
    bytes += more;
    const group = groups.at(-1);
    if (group && group.length < count && bytes <= SQL_MAX) group.push(rule);
    else {
      groups.push([rule]);
      bytes = more;
    }
  }
  return groups;
}

/** Of a title in a name, which also has a hash and is part of a subscriber's name. */
const TITLE_MAX = 100;

/** Queries of different rules have different subscribers, also where two outputs of the command are on one host. */
function hashOf(rules: readonly Rule[]): string {
  const identities = JSON.stringify(rules.map(({ title, id }) => [title, id]));
  return createHash('sha256').update(identities).digest('hex').slice(0, 8);
}

/** The names, each once. */
function namesOf(wanted: readonly string[]): string[] {
  const names = new Set<string>();
  for (const text of wanted) {
    let name = text;
    for (let n = 2; names.has(name); n++) name = `${text}_${n}`;
    names.add(name);
  }
  return [...names];
}

const wordsOf = (text: string) =>
  text
    .toLowerCase()
    .replace(/[^a-z\d]+/g, '_')
    .replace(/^_|_$/g, '');

export function identification({ id, level, tags }: Rule): string {
  const parts = [...(id ? [`Sigma ${id}`] : ['Sigma']), ...(level ? [`level ${level}`] : []), ...tags];
  return parts.join(', ');
}

function describe(rule: Rule): string {
  const { title, description, falsePositives } = rule;
  const sentences = [
    title,
    description,
    ...(falsePositives.length > 0 ? [`Known false positives: ${falsePositives.join('; ')}`] : []),
    identification(rule),
  ];
  return sentences
    .filter((text) => text !== '')
    .map((text) => (/[.!?]$/.test(text) ? text : `${text}.`))
    .join(' ');
}
