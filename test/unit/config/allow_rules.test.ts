/** Rules of process_ancestry_allow. */
import { expect, test } from 'vitest';
import { parseAllowRules } from '../../../src/config/allow_rules.ts';

test('no text is no rule', () => {
  expect(parseAllowRules(' ')).toEqual([]);
  expect(parseAllowRules('[]')).toEqual([]);
});

test('a rule has the fields that it names', () => {
  const rules = [{ detection: 'miner' }, { detection: '*', uid: 0, cmdline: 'x *', path: '/opt/x' }];
  expect(parseAllowRules(JSON.stringify(rules))).toEqual(rules);
});

test.each([
  ['no JSON', '[{', 'no JSON'],
  ['no array', '{"detection":"miner"}', 'no JSON array'],
  ['a rule that is a text', '["miner"]', 'rule 1: not an object'],
  ['a rule without detection', '[{"detection":"a"},{"uid":1}]', 'rule 2: "detection" must be'],
  ['an empty pattern', '[{"detection":"a","path":""}]', 'rule 1: "path" must be'],
  ['a pattern that is a number', '[{"detection":"a","path":1}]', 'rule 1: "path" must be'],
  ['a pattern that is too long', `[{"detection":"a","path":"${'x'.repeat(4097)}"}]`, 'rule 1: "path" must be'],
  ['a uid that is a text', '[{"detection":"a","uid":"0"}]', 'rule 1: "uid" must be'],
  ['a uid below 0', '[{"detection":"a","uid":-1}]', 'rule 1: "uid" must be'],
  ['an unknown field', '[{"detection":"a","pth":"/x"}]', 'rule 1: no such field as "pth"'],
  ['a field of Object', '[{"detection":"a","toString":"x"}]', 'rule 1: no such field as "toString"'],
  ['a cmdline alone', '[{"detection":"a","cmdline":"x"}]', 'rule 1: any user can have'],
  ['a cmdline and a cwd alone', '[{"detection":"a","cmdline":"x","cwd":"/"}]', 'rule 1: any user can have'],
  ['too many rules', JSON.stringify(Array(1001).fill({ detection: 'a' })), 'more than 1000 rules'],
])('%s is refused', (_, text, message) => {
  expect(() => parseAllowRules(text)).toThrow(message);
});

test('a cmdline with a uid, also that of root, is a rule', () => {
  expect(parseAllowRules('[{"detection":"a","cmdline":"x","uid":0}]')).toHaveLength(1);
});
