import fc from 'fast-check';
import { expect, test } from 'vitest';
import { stringify } from 'yaml';
import { type Translated, translateRegex } from '../../../../src/commands/sigma/regex.ts';
import { REGEX_INPUT_MAX } from '../../../../src/commands/sigma/regex_cost.ts';
import { compileRule, type Rule } from '../../../../src/commands/sigma/rule.ts';
import { statementOf } from '../../../../src/commands/sigma/statement.ts';
import { UnsupportedError } from '../../../../src/commands/sigma/unsupported.ts';
import { yamlDocuments } from '../../../../src/commands/sigma/yaml_documents.ts';
import { insert, osqueryDatabase } from './osquery_database.ts';
import { pairOfRegexes } from './regex_model.ts';
import { row, ruleModel } from './rule_model.ts';

function compiled(document: unknown): Rule {
  const [value] = yamlDocuments(stringify(document));
  if (value === undefined || value instanceof Error) throw new Error('no document');
  const rule = compileRule(value);
  if ('reasons' in rule) throw new Error(rule.reasons.join('; '));
  return rule;
}

test('a statement gives the rows that the rules mean, each once for each rule', () => {
  const database = osqueryDatabase();
  let hits = 0;
  fc.assert(
    fc.property(
      fc.array(ruleModel, { minLength: 1, maxLength: 3 }),
      fc.array(row, { maxLength: 12 }),
      (models, rows) => {
        const numbered = rows.map((one, pid) => ({ ...one, pid }));
        insert(database, numbered);
        const rules = models.map(({ document }, at) => ({ ...compiled(document), id: String(at) }));
        const found = database.prepare(statementOf(rules, undefined)).all();
        const meant = models.flatMap(({ judge }, at) =>
          numbered.filter(judge).map(({ pid }) => ({ rule_id: String(at), pid })),
        );
        hits += meant.length;
        expect(found.map(({ rule_id, pid }) => ({ rule_id, pid }))).toEqual(meant);
      },
    ),
    { numRuns: 1000 },
  );
  database.close();
  expect(hits).toBeGreaterThan(2000);
});

test('a regular expression finds in osquery what it means with its flags', () => {
  const database = osqueryDatabase();
  const find = database.prepare('SELECT regex_match(?, ?, 0) IS NOT NULL AS found');
  let count = 0;
  const text = fc.string({
    unit: fc.constantFrom('a', 'b', 'B', 'c', '1', ' ', '-', '_', '\n', 'é', '.', ']'),
    maxLength: 6,
  });
  fc.assert(
    fc.property(pairOfRegexes, fc.array(text, { minLength: 1, maxLength: 6 }), ({ pcre, meant, flags }, texts) => {
      let translated: Translated;
      try {
        translated = translateRegex(pcre, flags);
      } catch (error) {
        if (error instanceof UnsupportedError) return;
        throw error;
      }
      count++;
      for (const one of texts) {
        const is = meant.test(Buffer.from(one).toString('latin1'));
        const searched = translated.isLowered ? one.replace(/[A-Z]/g, (letter) => letter.toLowerCase()) : one;
        const found = translated.expressions.some((expression) => find.get(searched, expression)?.found === 1);
        expect([one, found]).toEqual([one, is]);
      }
    }),
    { numRuns: 3000 },
  );
  database.close();
  expect(count).toBeGreaterThan(1000);
});

test('a regular expression sees the beginning of a long text only', () => {
  const database = osqueryDatabase();
  insert(database, [
    { cmdline: `${'-'.repeat(REGEX_INPUT_MAX - 1)}x`, pid: 1 },
    { cmdline: `${'-'.repeat(REGEX_INPUT_MAX)}x`, pid: 2 },
  ]);
  const logsource = { category: 'process_creation' };
  const rule = compiled({ title: 'T', logsource, detection: { s: { 'CommandLine|re': 'x' }, condition: 's' } });
  expect(database.prepare(statementOf([rule], undefined)).all()).toMatchObject([{ pid: 1 }]);
});
