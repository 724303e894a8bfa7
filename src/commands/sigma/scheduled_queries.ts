/** The scheduled queries of rules: name, subscriber, statement and description of each. */
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
  const names = rulesPerQuery === 1 ? namesOf(rules) : groups.map((_, at) => `rules_${at + 1}`);
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

/** Different names, made of the titles. Rules with the same title get their ids too. */
function namesOf(rules: readonly Rule[]): string[] {
  const plain = rules.map(({ title }) => wordsOf(title).slice(0, 100) || 'rule');
  const names = new Set<string>();
  for (const [at, rule] of rules.entries()) {
    const title = plain[at] ?? '';
    const isUnique = plain.indexOf(title) === plain.lastIndexOf(title);
    const wanted = isUnique ? title : wordsOf(`${title} ${rule.id}`);
    let name = wanted;
    for (let n = 2; names.has(name); n++) name = `${wanted}_${n}`;
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
