/** Random rules: the document of each, and what it says of a row by an evaluation of its own, without SQL. */
import fc from 'fast-check';
import { type Row, USERS } from './osquery_database.ts';

type Judge = (row: Row) => boolean;
/** A part of a rule: what its document has, and what it means. */
interface Item {
  readonly key: string;
  readonly values: unknown;
  readonly judge: Judge;
}
export interface RuleModel {
  readonly document: unknown;
  readonly judge: Judge;
}

/** SQLite's functions change the case of ASCII letters only. */
const lower = (text: string) => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
const SAMPLES = ['a', 'B', 'b', 'é', '-', '/', '–', ' ', '*', '?', '%', '_', '\\', '[', ']', "'", '^', '1'];
const character = fc.constantFrom(...SAMPLES);
const shortText = fc.string({ unit: character, maxLength: 4 });
const TEXT_FIELDS: Readonly<Record<string, string>> = {
  Image: 'path',
  CommandLine: 'cmdline',
  CurrentDirectory: 'cwd',
  ParentImage: 'parent_path',
  ParentCommandLine: 'parent_cmdline',
};
const KEYWORD_COLUMNS = Object.values(TEXT_FIELDS);
const field = fc.constantFrom(...Object.keys(TEXT_FIELDS));

/** What osquery gives for a text without value. */
const present = (value: Row[string] | undefined): string | undefined =>
  value === null || value === undefined || value === '' ? undefined : String(value);

const encoded = Buffer.from('b*').toString('base64');
export const row: fc.Arbitrary<Row> = fc.record({
  ...Object.fromEntries(
    KEYWORD_COLUMNS.map((name) => [
      name,
      fc.oneof(
        { weight: 8, arbitrary: shortText },
        fc.constantFrom(null, '', encoded, `x${encoded}`, 'aGIq', 'AGIAKg'),
      ),
    ]),
  ),
  uid: fc.constantFrom(0, 33, 4711, null),
  auid: fc.constantFrom(0, 1, 11, 4294967295, null),
  entry_source_ip: fc.constantFrom('10.1.2.3', '10.1.255.255', '10.2.0.0', '::1', '', null),
  sha256: fc.constantFrom('ab'.repeat(32), 'cd'.repeat(32), '', null),
});

/** Text with wildcards. */
type Part = string | { readonly wildcard: '*' | '?' };
const part: fc.Arbitrary<Part> = fc.oneof(
  { weight: 5, arbitrary: character },
  { weight: 1, arbitrary: fc.constantFrom<'*' | '?'>('*', '?').map((wildcard) => ({ wildcard })) },
);
const spell = (parts: readonly Part[]) =>
  parts.map((one) => (typeof one !== 'string' ? one.wildcard : /[*?\\]/.test(one) ? `\\${one}` : one)).join('');

/** Whether the parts are all of the text: a search with backtracking. */
function isWhole(text: readonly string[], parts: readonly Part[]): boolean {
  const [first, ...rest] = parts;
  if (first === undefined) return text.length === 0;
  if (typeof first === 'string') return text[0] === first && isWhole(text.slice(1), rest);
  if (first.wildcard === '?') return text.length > 0 && isWhole(text.slice(1), rest);
  return Array.from({ length: text.length + 1 }, (_, skip) => skip).some((skip) => isWhole(text.slice(skip), rest));
}

/** Every text that windash means. */
function dashVariants(parts: readonly Part[]): Part[][] {
  const isWord = (one: Part | undefined) => typeof one === 'string' && /[abBé_1]/.test(one);
  return parts.reduce<Part[][]>(
    (variants, one, at) => {
      const isDash = typeof one === 'string' && '-/–'.includes(one) && !isWord(parts[at - 1]) && isWord(parts[at + 1]);
      return (isDash ? [...'-/–—―'] : [one]).flatMap((choice) => variants.map((variant) => [...variant, choice]));
    },
    [[]],
  );
}

/** The part of the base64 text that depends on the value alone: the same with zeros and with ones around it. */
function offsetVariants(text: string): string[] {
  return [0, 1, 2].map((offset) => {
    const around = (byte: number) =>
      Buffer.concat([Buffer.alloc(offset, byte), Buffer.from(text), Buffer.alloc(3, byte)]).toString('base64');
    const [zeros, ones] = [around(0), around(255)];
    const length = Math.floor(((offset + Buffer.byteLength(text)) * 8) / 6);
    return [...zeros].filter((one, at) => at < length && one === ones[at]).join('');
  });
}

const ANY: Part = { wildcard: '*' };
const place = fc.constantFrom('', 'contains', 'startswith', 'endswith');
const placed = (parts: readonly Part[], where: string): Part[] => [
  ...(where === 'contains' || where === 'endswith' ? [ANY] : []),
  ...parts,
  ...(where === 'contains' || where === 'startswith' ? [ANY] : []),
];

interface TextTest {
  readonly modifiers: readonly string[];
  readonly values: readonly { spelled: unknown; accepts: (value: string | undefined) => boolean }[];
}
const textTest: fc.Arbitrary<TextTest> = fc
  .record({
    lists: fc.array(fc.option(fc.array(part, { maxLength: 4 }), { freq: 12 }), { minLength: 1, maxLength: 3 }),
    where: place,
    isCased: fc.boolean(),
    encoding: fc.constantFrom('', '', '', 'windash', 'base64', 'base64offset', 'wide|base64'),
  })
  .map(({ lists, where, isCased, encoding }) => {
    const isEncoded = encoding.includes('base64');
    const modifiers = [...encoding.split('|'), where, ...(isCased ? ['cased'] : [])].filter((name) => name !== '');
    const values = lists.map((given) => {
      if (given === null && where === '' && encoding === '')
        return { spelled: null, accepts: (value?: string) => value === undefined };
      const parts = isEncoded ? (given ?? ['a']).filter((one) => typeof one === 'string') : (given ?? ['a']);
      const text = parts.join('');
      const variants: readonly (readonly Part[])[] =
        encoding === 'windash'
          ? dashVariants(parts)
          : encoding === 'base64'
            ? [[...Buffer.from(text).toString('base64')]]
            : encoding === 'wide|base64'
              ? [[...Buffer.from(text, 'utf16le').toString('base64')]]
              : encoding === 'base64offset'
                ? offsetVariants(text).map((variant) => [...variant])
                : [parts];
      const fold = (one: Part): Part => (isCased || typeof one !== 'string' ? one : lower(one));
      const accepts = (value: string | undefined) =>
        variants.some((variant) => {
          const wanted = placed(variant, where).map(fold);
          // The empty text is the absence of a value.
          if (value === undefined) return wanted.length === 0;
          return isWhole([...(isCased ? value : lower(value))], wanted);
        });
      return { spelled: spell(parts), accepts };
    });
    return { modifiers, values };
  });

const textItem: fc.Arbitrary<Item> = fc
  .record({ name: field, test: textTest, all: fc.boolean() })
  .map(({ name, test, all }) => {
    const isAll = all && test.values.length > 1;
    const judge: Judge = (row) => {
      const value = present(row[TEXT_FIELDS[name] ?? '']);
      return isAll
        ? test.values.every(({ accepts }) => accepts(value))
        : test.values.some(({ accepts }) => accepts(value));
    };
    return {
      key: [name, ...test.modifiers, ...(isAll ? ['all'] : [])].join('|'),
      values: test.values.map(({ spelled }) => spelled),
      judge,
    };
  });

const existsItem: fc.Arbitrary<Item> = fc.record({ name: field, is: fc.boolean() }).map(({ name, is }) => ({
  key: `${name}|exists`,
  values: is,
  judge: (row) => (present(row[TEXT_FIELDS[name] ?? '']) !== undefined) === is,
}));

const referenceItem: fc.Arbitrary<Item> = fc
  .record({ name: field, other: field, where: place, isCased: fc.boolean() })
  .map(({ name, other, where, isCased }) => ({
    key: [name, 'fieldref', where, isCased ? 'cased' : ''].filter((one) => one !== '').join('|'),
    values: other,
    judge: (row) => {
      const [one, two] = [name, other].map((field) => present(row[TEXT_FIELDS[field] ?? '']));
      if (one === undefined || two === undefined) return false;
      const [text, part] = isCased ? [one, two] : [lower(one), lower(two)];
      if (where === 'contains') return text.includes(part);
      if (where === 'startswith') return text.startsWith(part);
      return where === 'endswith' ? text.endsWith(part) : text === part;
    },
  }));

const userItem: fc.Arbitrary<Item> = fc.constantFrom('root', 'ROOT', 'www-*', null, '*').map((name) => ({
  key: 'User',
  values: name,
  judge: ({ uid }) => {
    const user = USERS.get(Number(uid ?? -1));
    if (name === null || user === undefined) return name === null && user === undefined;
    return name === '*' || (name === 'www-*' ? user.startsWith('www-') : user === name.toLowerCase());
  },
}));

const otherItem: fc.Arbitrary<Item> = fc.constantFrom<Item>(
  { key: 'LogonId', values: [1, 11], judge: ({ auid }) => auid === 1 || auid === 11 },
  { key: 'LogonId|startswith', values: 1, judge: ({ auid }) => auid === 1 || auid === 11 },
  { key: 'auid|gte', values: 11, judge: ({ auid }) => auid !== null && Number(auid) >= 11 },
  { key: 'auid|lt', values: 1, judge: ({ auid }) => auid === 0 },
  { key: 'auid', values: null, judge: ({ auid }) => auid === null },
  {
    key: 'entry_source_ip|cidr',
    values: '10.1.0.0/16',
    judge: ({ entry_source_ip: ip }) => String(ip).startsWith('10.1.'),
  },
  {
    key: 'Hashes|contains',
    values: `SHA256=${'AB'.repeat(32)}`,
    judge: ({ sha256 }) => String(sha256).startsWith('ab'),
  },
);

const item = fc.oneof(
  { weight: 8, arbitrary: textItem },
  { weight: 1, arbitrary: existsItem },
  { weight: 2, arbitrary: referenceItem },
  { weight: 1, arbitrary: userItem },
  { weight: 1, arbitrary: otherItem },
);

interface Search {
  readonly value: unknown;
  readonly judge: Judge;
}
const mapping: fc.Arbitrary<Search> = fc
  .uniqueArray(item, { minLength: 1, maxLength: 3, selector: ({ key }) => key })
  .map((items) => ({
    value: Object.fromEntries(items.map(({ key, values }) => [key, values])),
    judge: (row) => items.every(({ judge }) => judge(row)),
  }));
const mappings: fc.Arbitrary<Search> = fc.array(mapping, { minLength: 1, maxLength: 3 }).map((list) => ({
  value: list.map(({ value }) => value),
  judge: (row) => list.some(({ judge }) => judge(row)),
}));
const keywords: fc.Arbitrary<Search> = fc
  .record({
    words: fc.array(
      shortText.filter((word) => word !== ''),
      { minLength: 1, maxLength: 3 },
    ),
    all: fc.boolean(),
  })
  .map(({ words, all }) => {
    const has = (row: Row, word: string) =>
      KEYWORD_COLUMNS.some((name) => lower(present(row[name]) ?? '').includes(lower(word)));
    const spelled = words.map((word) => spell([...word]));
    return {
      value: all ? { '|all': spelled } : spelled,
      judge: (row) => (all ? words.every((word) => has(row, word)) : words.some((word) => has(row, word))),
    };
  });
const search = fc.oneof(
  { weight: 4, arbitrary: mapping },
  { weight: 2, arbitrary: mappings },
  { weight: 1, arbitrary: keywords },
);

const NAMES = ['selection_a', 'selection_b', 'filter', '_hidden'];
interface Expression {
  readonly text: string;
  readonly judge: (holds: readonly boolean[]) => boolean;
}
const chosen = (text: string, places: readonly number[], isAll: boolean): Expression => ({
  text,
  judge: (holds) => (isAll ? places.every((at) => holds[at]) : places.some((at) => holds[at])),
});
const number = fc.constantFrom(0, 1, 2, 3);
const { expression } = fc.letrec<{ expression: Expression }>((tie) => ({
  expression: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constantFrom(
      ...NAMES.map((name, at) => chosen(name, [at], true)),
      chosen('1 of selection_*', [0, 1], false),
      chosen('all of selection*', [0, 1], true),
      chosen('1 of them', [0, 1, 2], false),
      chosen('all of them', [0, 1, 2], true),
      chosen('any of _*', [3], false),
      chosen('1 of *_b', [1], false),
    ),
    tie('expression').map(
      ({ text, judge }): Expression => ({ text: `not (${text})`, judge: (holds) => !judge(holds) }),
    ),
    fc.tuple(tie('expression'), tie('expression'), fc.constantFrom('and', 'or')).map(
      ([one, two, word]): Expression => ({
        text: `(${one.text}) ${word} (${two.text})`,
        judge: (holds) =>
          word === 'and' ? one.judge(holds) && two.judge(holds) : one.judge(holds) || two.judge(holds),
      }),
    ),
    // Without parentheses: not binds before and, and before or.
    fc.tuple(number, number, number, number).map(
      ([a, b, c, d]): Expression => ({
        text: `not ${NAMES[a]} and ${NAMES[b]} or ${NAMES[c]} and ${NAMES[d]}`,
        judge: (holds) => Boolean((!holds[a] && holds[b]) || (holds[c] && holds[d])),
      }),
    ),
  ),
}));

export const ruleModel: fc.Arbitrary<RuleModel> = fc
  .record({ searches: fc.tuple(search, search, search, search), expression })
  .map(({ searches, expression }) => ({
    document: {
      title: 'A rule',
      id: '7f1c',
      logsource: { category: 'process_creation', product: 'linux' },
      detection: {
        ...Object.fromEntries(searches.map(({ value }, at) => [NAMES[at], value])),
        condition: expression.text,
      },
      level: 'low',
    },
    judge: (row) => expression.judge(searches.map(({ judge }) => judge(row))),
  }));
