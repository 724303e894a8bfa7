import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { pushDown } from '../../../../src/commands/shell/push_down.ts';
import { sigma, translate } from '../../../../src/commands/sigma/command.ts';
import { FORMATS } from '../../../../src/commands/sigma/output.ts';
import { translateRegex } from '../../../../src/commands/sigma/regex.ts';
import type { Rule } from '../../../../src/commands/sigma/rule.ts';
import { scheduledQueries } from '../../../../src/commands/sigma/scheduled_queries.ts';
import { statementOf } from '../../../../src/commands/sigma/statement.ts';
import { SIGMA_FORMATS, type SigmaOptions } from '../../../../src/config/sigma_options.ts';
import { columns } from '../../../../tables/process_ancestry_events.ts';
import { insert, osqueryDatabase, type Row } from './osquery_database.ts';

const FIXTURES = fileURLToPath(new URL('../../../fixtures/sigma/', import.meta.url));

const ruleText = (detection: string, more = '') =>
  `title: T\nlogsource: {category: process_creation, product: linux}\n${more}detection:\n  ${detection.replaceAll('\n', '\n  ')}\n`;

function rulesOf(...texts: readonly string[]): readonly Rule[] {
  const { rules, problems } = translate(texts.map((text, at) => ({ path: `${at}.yml`, text })));
  expect(problems).toEqual([]);
  return rules;
}

/** Reasons without file and title. */
function reasonsFor(text: string): readonly string[] {
  const { rules, problems } = translate([{ path: 'r.yml', text }]);
  expect(rules).toEqual([]);
  return problems.map((problem) => problem.replace(/^r\.yml: ("T": )?/, ''));
}

/** Pids of the rows that a detection finds. */
function found(detection: string, rows: readonly Row[]): unknown[] {
  using database = osqueryDatabase();
  insert(
    database,
    rows.map((row, pid) => ({ ...row, pid })),
  );
  return database
    .prepare(statementOf(rulesOf(ruleText(detection)), undefined))
    .all()
    .map(({ pid }) => pid);
}

describe('what cannot be expressed is named:', () => {
  test.each([
    [
      's: {OriginalFileName: x}\ncondition: s',
      ['process_ancestry_events has no column for the field "OriginalFileName"'],
    ],
    ["s: {Image|expand: '%x%'}\ncondition: s", ['Image|expand: the modifier expand cannot be expressed']],
    [
      's: {Image|contains|re: x}\ncondition: s',
      ['Image|contains|re: the modifier contains beside re cannot be expressed'],
    ],
    [
      "s: {Image|re: '(?<=a)b'}\ncondition: s",
      ['Image|re: the regular expression "(?<=a)b" has the group "(?<=", which regex_match cannot express'],
    ],
    ["s: {Image|re: '(a)\\1'}\ncondition: s", [expect.stringContaining('has "\\1"')]],
    ["s: {Image|re: '(a+)+'}\ncondition: s", [expect.stringContaining('take too long')]],
    ["s: {Image|re: 'a++'}\ncondition: s", [expect.stringContaining('the possessive "++"')]],
    ["s: {Image|re: '\\p{L}'}\ncondition: s", [expect.stringContaining('has "\\p"')]],
    ["s: {Image|re: '(?=\\bx)'}\ncondition: s", [expect.stringContaining('"\\b" in a lookahead')]],
    ["s: {Image|re: '[é]'}\ncondition: s", [expect.stringContaining('outside of ASCII')]],
    ["s: {Image|re: 'a(b'}\ncondition: s", [expect.stringContaining('"(" without ")"')]],
    [
      `s: {Image|re: '${'x'.repeat(257)}'}\ncondition: s`,
      ['Image|re: a regular expression of more than 256 bytes, which regex_match refuses'],
    ],
    ["s: {CommandLine|cidr: 'fe80::/10'}\ncondition: s", [expect.stringContaining('is not a network of IPv4')]],
    ['s: {CommandLine|wide: x}\ncondition: s', [expect.stringContaining('UTF-16 without base64')]],
    ["s: {CommandLine|base64: 'a*'}\ncondition: s", [expect.stringContaining('encodes neither wildcards')]],
    [
      "s: {Hashes|contains: 'MD5=0123'}\ncondition: s",
      ['Hashes|contains: "MD5=0123" is not a whole SHA-256: the table has no other hash'],
    ],
    ["s: {LogonId: '0x3e7'}\ncondition: s", ['LogonId: "0x3e7" is not an integer, as the column needs']],
    ['s: {CommandLine|gt: 5}\ncondition: s', ['CommandLine|gt: a comparison of the text cmdline with a number']],
    ['s: {CommandLine: "a\\0b"}\ncondition: s', [expect.stringContaining('contains NUL')]],
    [`s: {CommandLine|contains: '${'x'.repeat(50_000)}'}\ncondition: s`, [expect.stringContaining('at most 50000')]],
    ['s: {Image: x}\ncondition: s | count() > 5', [expect.stringContaining('the aggregation "| count() > 5"')]],
    ['s: {Image: x}\ntimeframe: 5m\ncondition: s', ['a timeframe: each execution is compared alone']],
    ['s: {Image: x}\ncondition: 2 of s*', [expect.stringContaining('"2 of"')]],
    ['s: {Image: x}\ncondition: s and t', [expect.stringContaining('the rule has no "t"')]],
    ['s: {Image: x}\ncondition: 1 of t*', [expect.stringContaining('the rule has no "t*"')]],
    ['s: {Image: x}\ncondition: (s', [expect.stringContaining('")" is missing')]],
    [`s: {Image: x}\ncondition: ${'('.repeat(50)}s${')'.repeat(50)}`, [expect.stringContaining('nested deeper')]],
    ['s: {Image: x}\ncondition: constructor of s', [expect.stringContaining('"constructor of"')]],
    ['s: {constructor: x}\ncondition: s', [expect.stringContaining('no column for the field "constructor"')]],
    ["s: {Image|re: '[[:constructor:]]'}\ncondition: s", [expect.stringContaining('has [:constructor:]')]],
    ['s: {LogonId: x}\ncondition: s', ['LogonId: "x" is not an integer, as the column needs']],
    ['s: {Image: "a\\0b"}\ncondition: s', ['Image: "a\\u0000b" contains NUL, which no argument or path has']],
    ['s: {Image: "a\\uD800"}\ncondition: s', ['Image: "a\\ud800" contains half of a character']],
    ['s: {Image|contains: []}\ncondition: s', ['Image|contains: it has no values']],
    ['s: [[[x]]]\ncondition: s', ['a keyword: a value is a list or a mapping']],
    ["s: {'|all': [a, {b: c}]}\ncondition: s", ['a keyword: a value is a list or a mapping']],
    // Each of several.
    [
      "s: {Company: x, Image|re: '(?<!a)', Image|foo: y}\ncondition: s",
      [expect.anything(), expect.anything(), expect.anything()],
    ],
  ])('%s', (detection, reasons) => {
    expect(reasonsFor(ruleText(detection))).toEqual(reasons);
  });

  test.each([
    [
      'title: T\nlogsource: {category: file_event, product: linux}\ndetection: {s: {Image: x}, condition: s}',
      'the log source is product linux, category file_event, not linux process_creation',
    ],
    [
      'title: T\nlogsource: {category: process_creation, product: windows}\ndetection: {s: {Image: x}, condition: s}',
      expect.stringContaining('product windows'),
    ],
    ['title: T\ncorrelation: {type: event_count}', 'a document with correlation is not a rule of its own'],
    ['action: global\ntitle: T', 'a document with action is not a rule of its own'],
    ['- no rule', 'not a rule: it has no detection or no logsource'],
    ['a: [', expect.stringMatching(/^not YAML: /)],
    ['a: 1\na: 2', expect.stringMatching(/^not YAML: Map keys must be unique/)],
  ])('%s', (text, reason) => {
    expect(reasonsFor(text)).toEqual([reason]);
  });

  test('an identifier that the condition does not use may have anything', () => {
    expect(rulesOf(ruleText('s: {Image: x}\nt: {OriginalFileName: y}\ncondition: s'))).toHaveLength(1);
  });
});

describe('a detection', () => {
  const nested = (times: number) => `${'s and (t or ('.repeat(times)}not (s and u)${'))'.repeat(times)}`;

  test('escapes wildcards as the specification has it', () => {
    const rows = ['a*b', 'axb', 'a\\xb', 'a\\*b', 'a\\\\b'].map((cmdline) => ({ cmdline }));
    expect(found("s: {CommandLine: 'a*b'}\ncondition: s", rows)).toEqual([0, 1, 2, 3, 4]);
    expect(found("s: {CommandLine: 'a\\*b'}\ncondition: s", rows)).toEqual([0]);
    expect(found("s: {CommandLine: 'a\\\\*b'}\ncondition: s", rows)).toEqual([2, 3, 4]);
    expect(found("s: {CommandLine: 'a\\\\\\*b'}\ncondition: s", rows)).toEqual([3]);
    expect(found("s: {CommandLine: 'a\\xb'}\ncondition: s", rows)).toEqual([2]);
  });

  test('compares a number by its spelling in the rule', () => {
    const rows = ['0x1F', '31', '1e3', '1000', '007', '7'].map((cmdline) => ({ cmdline }));
    expect(found('s: {CommandLine: [0x1F, 1e3, 007]}\ncondition: s', rows)).toEqual([0, 2, 4]);
  });

  test('does not match a column without value, and its negation does', () => {
    const rows = [{ cmdline: null }, { cmdline: '' }, { cmdline: 'x' }];
    expect(found("s: {CommandLine: '*'}\ncondition: s", rows)).toEqual([2]);
    expect(found("s: {CommandLine|re: '.*'}\ncondition: s", rows)).toEqual([2]);
    expect(found('s: {CommandLine|contains: y}\ncondition: not s', rows)).toEqual([0, 1, 2]);
    expect(found('s: {CommandLine: null}\ncondition: s', rows)).toEqual([0, 1]);
  });

  test('takes each dash for a dash that begins a word, in any case', () => {
    const rows = ['a -E', 'a /e', 'a –e', 'a e', 'a-e', 'a --e'].map((cmdline) => ({ cmdline }));
    expect(found("s: {CommandLine|windash|endswith: ' -E'}\ncondition: s", rows)).toEqual([0, 1, 2]);
    expect(found("s: {CommandLine|windash|endswith|cased: ' -E'}\ncondition: s", rows)).toEqual([0]);
  });

  test('finds rows of users without name', () => {
    const rows = [{ uid: 0 }, { uid: 4711 }, { uid: 33 }, { uid: 4711, ancestry: '[{"uid":33}]' }];
    expect(found('s: {User: root}\ncondition: not s', rows)).toEqual([1, 2, 3]);
    expect(found('s: {ParentUser: www-data}\ncondition: s', rows)).toEqual([3]);
  });

  test('takes lists of thousands of values', () => {
    using database = osqueryDatabase();
    // What would happen without a tree.
    expect(() => database.prepare(`SELECT ${Array(1001).fill('1').join(' OR ')}`)).toThrow(/depth/);
    const words = Array.from({ length: 5000 }, (_, n) => `word${n}_`);
    const keywords = words.slice(0, 1000);
    const rules = rulesOf(
      ruleText(`s: {CommandLine|contains: [${words}]}\ncondition: s`),
      ruleText(`s: {CommandLine|contains|all: [${words}]}\ncondition: s`),
      ruleText(`s: {Image: [${words}]}\ncondition: s`),
      ruleText(`s: [${keywords}]\ncondition: s`),
    );
    insert(database, [
      { cmdline: 'x word4999_', pid: 1 },
      { path: 'WORD4999_', pid: 2 },
      { cwd: 'word999_x', pid: 3 },
    ]);
    const pids = rules.map((rule) =>
      database
        .prepare(statementOf([rule], undefined))
        .all()
        .map(({ pid }) => pid),
    );
    expect(pids).toEqual([[1], [], [2], [3]]);
  });

  test('takes a condition as deep as is allowed', () => {
    const condition = nested(8);
    const list = Array.from({ length: 1000 }, (_, n) => `w${n}`);
    const searches = `s: {CommandLine|contains: [${list}]}\nt: {User: root}\nu:\n- {Image|re: 'a|b'}\n- {Image|contains|all: [x, y]}`;
    expect(found(`${searches}\ncondition: ${condition}`, [{ cmdline: 'w1' }])).toEqual([0]);
    expect(reasonsFor(ruleText(`${searches}\ncondition: ${nested(9)}`))).toEqual([
      'its SQL would be nested 25 levels deep: SQLite takes 24 of a condition',
    ]);
  });
});

test('a pattern of names takes no exponential time', () => {
  const name = 'a'.repeat(60);
  const pattern = `${'*a'.repeat(30)}*b`;
  expect(reasonsFor(ruleText(`${name}: {Image: x}\ncondition: 1 of ${pattern}`))).toEqual([
    expect.stringContaining('the rule has no "*a*a'),
  ]);
  const names = ['a_b_c', 'ab', 'aXbXc', 'aba', 'abba'];
  const searches = names.map((one) => `${one}: {Image: ${one}}`).join('\n');
  const rows = names.map((path) => ({ path }));
  expect(found(`${searches}\ncondition: 1 of a*b*c`, rows)).toEqual([0, 2]);
  expect(found(`${searches}\ncondition: 1 of ab*ba`, rows)).toEqual([4]);
  expect(found(`${searches}\ncondition: 1 of a*a`, rows)).toEqual([3, 4]);
});

describe('a regular expression', () => {
  const expressions = (source: string, flags = '') =>
    translateRegex(source, { i: flags.includes('i'), m: flags.includes('m'), s: flags.includes('s') }).expressions;

  test('is written for regex_match', () => {
    expect(expressions('.*a.b.*')).toEqual(['a[^\\n]b']);
    expect(expressions('(?P<n>a|b)\\.c$')).toEqual(['(?:a|b)\\.c(?=\\n?$)']);
    expect(expressions('^[\\w.]+', 'm')).toEqual(['(?:^|\\n)[.0-9A-Z_a-z]+']);
    expect(translateRegex('(?i)Ab[A-Z]', { i: false, m: false, s: false })).toEqual({
      expressions: ['ab[a-z]'],
      isLowered: true,
    });
    expect(expressions('a(?i:b)')).toEqual(['a(?:[Bb])']);
  });

  test('keeps the first place of a text between two .*, so that it takes no cubic time', () => {
    expect(expressions('a.*b.*c')).toEqual(['a(?=([^\\n]*?b))\\1[^\\n]*c']);
    // The first place is not enough where the length varies.
    expect(expressions('^a.*b{1,2}.*c')).toEqual(['^a[^\\n]*b{1,2}[^\\n]*c']);
  });

  test.each([
    ...[
      '(a+)+',
      '(\\w+\\s?)+!',
      '(a+b?)+c',
      '(a|a)*b',
      '(?:a+|b)+',
      '((a+))+',
      '(a{1,}){3}x',
      '(a?){30}b',
      '(?=(a|a)*b)c',
      '\\w+(?=a*b)-',
      '(a(?=b*c))+d',
      '\\w+a*b',
    ],
    ...['\\w+\\w+c', '\\w+\\w+\\w+c', 'a.*b+.*c', '\\s+-\\s+.*x', `${'a?'.repeat(30)}b`],
  ])('that takes too long is refused: %s', (source) => {
    expect(() => expressions(source)).toThrow(`${JSON.stringify(source)} has repetitions that take too long`);
  });

  test.each([
    ...['x.*y', 'a.*b.*c.*d', '(\\d{1,3}\\.){3}\\d{1,3}', '(?:ab)+c', '(a|b){2}', '[a-z\\d+/]{40,}=', '^\\w+\\w+c'],
    ...['curl\\s+.*\\|\\s*bash', '\\s+-e\\s+\\S+\\s+\\w+-', '-[a-z]*e\\s+(a|b)', '[^\\]]+\\]x.*y', '\\x41+-\\x41+\\.'],
  ])('that takes quadratic time is accepted: %s', (source) => {
    expect(expressions(source)).toHaveLength(1);
  });

  test('is split at its alternatives if it is too long', () => {
    const [a, b] = ['a'.repeat(150), 'b'.repeat(150)];
    expect(expressions(`${a}|x.*${b}.*y`)).toEqual([a, `x(?=([^\\n]*?${b}))\\1[^\\n]*y`]);
  });
});

describe('the statement', () => {
  const rule = (n: number, condition = `path = '${n}'`): Rule => ({
    ...{ title: `Rule ${n}`, id: String(n), level: 'low', description: '', tags: [], falsePositives: [], condition },
  });

  test.each(["path = '499'", "path = '499' OR user_name = 'root'"])('of 500 rules reads the table once: %s', (last) => {
    using database = osqueryDatabase();
    insert(database, [
      { pid: 1, path: '499' },
      { pid: 2, path: 'x' },
      { pid: 3, path: '0', cmdline: 'y' },
    ]);
    let reads = 0;
    database.function('is_read', () => (++reads > 0 ? 1 : 0));
    database.exec('ALTER TABLE process_ancestry_events RENAME TO stored');
    database.exec('CREATE VIEW process_ancestry_events AS SELECT * FROM stored WHERE is_read()');
    const rules = [...Array.from({ length: 499 }, (_, n) => rule(n)), rule(499, last)];
    expect(database.prepare(statementOf(rules, undefined)).all()).toMatchObject([
      { rule_title: 'Rule 0', pid: 3 },
      { rule_id: '499', rule_level: 'low', pid: 1 },
    ]);
    expect(reads).toBe(3);
  });

  test('asks for the new rows of its subscriber', () => {
    const table = {
      name: 'process_ancestry_events',
      columns: columns.map(({ name, type, options }) => ({ name, type, options, hidden: false })),
    };
    const { calls } = pushDown(statementOf([rule(1), rule(2)], 'sigma.it'), table);
    expect(calls).toHaveLength(1);
    expect(calls[0]).toContainEqual({ column: 'subscriber', op: 2, expr: 'sigma.it' });
  });

  test('finds executions only', () => {
    using database = osqueryDatabase();
    insert(database, [
      { pid: 1, path: '1', action: 'fork' },
      { pid: 2, path: '1', action: 'fork,exec' },
    ]);
    expect(database.prepare(statementOf([rule(1)], undefined)).all()).toMatchObject([{ pid: 2 }]);
  });

  test('of many rules is cut where it would be too long', () => {
    const rules = Array.from({ length: 5 }, (_, n) => rule(n, `path = '${'x'.repeat(400_000)}'`));
    const queries = scheduledQueries(rules, 500);
    expect(queries.map(({ name, rules }) => [name, rules.length])).toEqual([
      [expect.stringMatching(/^rules_1_[\da-f]{8}$/), 2],
      [expect.stringMatching(/^rules_2_/), 2],
      [expect.stringMatching(/^rules_3_/), 1],
    ]);
    for (const { statement } of queries) expect(statement('s').length).toBeLessThan(1_000_000);
  });

  test('has a subscriber of its own, also beside another output of the command', () => {
    const [one, other] = [
      [rule(1), rule(2)],
      [rule(3), rule(4)],
    ].map((rules) => FORMATS.pack(scheduledQueries(rules, 2)).match(/sigma\.rules_1_[\da-f]{8}(?=')/)?.[0]);
    expect(one).toBeDefined();
    expect(other).toBeDefined();
    expect(one).not.toBe(other);
  });

  test('has a short name', () => {
    const long = { ...rule(1), title: 'x'.repeat(1000), id: 'y'.repeat(1000) };
    for (const { name } of scheduledQueries([long, long, { ...long, id: 'z' }], 1))
      expect(`fleet:sigma.${name}`.length).toBeLessThan(200);
  });

  test('has a name of its own, also if titles are the same', () => {
    const names = [
      { ...rule(1), title: 'A  b!' },
      { ...rule(2), title: 'a B' },
      { ...rule(2), title: 'a B' },
      { ...rule(3), title: '…' },
    ];
    const made = scheduledQueries(names, 1).map(({ name }) => name.replace(/[\da-f]{8}/, 'H'));
    expect(made).toEqual(['a_b_H', 'a_b_H', 'a_b_H_2', 'rule_H']);
  });
});

describe('the command', () => {
  const made: string[] = [];
  afterEach(() => {
    for (const path of made.splice(0)) rmSync(path, { recursive: true });
  });

  function run(paths: readonly string[], options: Partial<SigmaOptions> = {}) {
    const said = { output: '', error: '' };
    const writer = (name: keyof typeof said) => ({
      write(text: string) {
        said[name] += text;
      },
    });
    const defaults = { format: 'pack', skipUnsupported: false, rulesPerQuery: 1 } as const;
    const status = sigma({ ...defaults, ...options, paths, output: writer('output'), error: writer('error') });
    return { status, ...said };
  }

  test('writes a pack that osquery reads', () => {
    const { status, output, error } = run([`${FIXTURES}rules`, `${FIXTURES}rules/two_documents.yml`]);
    expect([status, error]).toEqual([0, 'process_ancestry: 3 rules can be expressed, 0 cannot\n']);
    const pack = JSON.parse(output);
    expect(pack).toMatchObject({ platform: 'linux', discovery: [expect.stringContaining('process_ancestry')] });
    expect(Object.keys(pack.queries)).toEqual([
      'program_from_a_temporary_directory_names_a_pool_833b3d3f',
      'account_database_is_read_d2c8bb28',
      'root_runs_a_shell_with_an_encoded_word_d8655969',
    ]);
    const { query, ...rest } = pack.queries.program_from_a_temporary_directory_names_a_pool_833b3d3f;
    expect(query).toContain("subscriber = 'sigma.program_from_a_temporary_directory_names_a_pool_833b3d3f'");
    expect(rest).toEqual({
      interval: 60,
      removed: false,
      description:
        'Program From A Temporary Directory Names A Pool. A program below a directory that all users can write has the address of a mining pool in its arguments. Known false positives: Benchmarks of mining software. Sigma 0b5e8f3a-6d52-4e0f-9c1b-2f6f1f0e7a01, level high, attack.impact, attack.t1496.',
      value: 'Sigma 0b5e8f3a-6d52-4e0f-9c1b-2f6f1f0e7a01, level high, attack.impact, attack.t1496',
    });
  });

  test('writes SQL that finds what the rules mean', () => {
    const { output } = run([`${FIXTURES}rules`], { format: 'sql' });
    using database = osqueryDatabase();
    insert(database, [
      { pid: 1, uid: 7, path: '/tmp/.x/k', cmdline: 'k -o h:3333 --COIN x', cwd: '/tmp' },
      { pid: 2, uid: 7, path: '/tmp/.x/k', cmdline: 'k --coin x', cwd: '/home/build/a' },
      { pid: 3, uid: 7, path: '/usr/bin/cat', cmdline: 'cat /etc/Shadow', parent_path: '/usr/bin/dash' },
      { pid: 4, uid: 7, path: '/usr/bin/cat', cmdline: 'cat /etc/shadow', parent_path: '/usr/bin/dpkg' },
      { pid: 5, uid: 0, path: '/bin/sh', cmdline: `sh -c echo ${Buffer.from('x /bin/sh -i').toString('base64')}|sh` },
    ]);
    const statements = output.split(';\n').filter((text) => text.trim() !== '');
    const rows = statements.map((text) => database.prepare(text).all());
    expect(rows).toMatchObject([
      [{ pid: 1, rule_level: 'high' }],
      [{ pid: 3, rule_title: 'Account Database Is Read', rule_id: '1c6f9a4b-7e63-4f1a-8d2c-3a7a2a1f8b02' }],
      [{ pid: 5 }],
    ]);
    expect(output).toMatch(/^-- Program From A Temporary Directory Names A Pool \(Sigma 0b5e8f3a/);
  });

  test("writes Fleet's queries, in which $ is text", () => {
    const rules = rulesOf(ruleText("s: {CommandLine|contains: ['$HOME', '\\\\$HOME', '$$']}\ncondition: s"));
    const text = FORMATS.fleet(scheduledQueries(rules, 1));
    // As fleetctl does before it reads the YAML.
    const expanded = text.replace(/(\\*)\$(?=[\w$])/g, (_, slashes: string) => {
      expect(slashes.length % 2).toBe(1);
      return `${'\\'.repeat((slashes.length - 1) / 2)}$`;
    });
    expect(parse(expanded)).toMatchObject([
      {
        ...{
          name: 'sigma_t_33cff436',
          query: statementOf(rules, 'fleet:sigma.t_33cff436'),
          interval: 60,
          platform: 'linux',
        },
        ...{ logging: 'differential_ignore_removals', observer_can_run: false, discard_data: true },
      },
    ]);
  });

  test.each(SIGMA_FORMATS)('shows a title that SQL text cannot have in %s', (format) => {
    const detection = 's: {Image: x}\ncondition: s';
    const rules = rulesOf(ruleText(detection).replace('title: T', 'title: "a\\0b\\uD800"\nid: "\\0i"\nlevel: "\\x01"'));
    const text = FORMATS[format](scheduledQueries(rules, 1));
    expect(text).toContain("'a b\ufffd'");
    expect(text).toContain("'i'");
  });

  test.each(SIGMA_FORMATS)('combines rules into one query of %s', (format) => {
    const { output } = run([`${FIXTURES}rules`], { format, rulesPerQuery: 10 });
    expect(output.match(/MATERIALIZED \(SELECT [^(]* FROM process_ancestry_events/g) ?? parse(output)).toHaveLength(1);
    for (const title of ['Names A Pool', 'Is Read', 'Encoded Word'])
      expect(output.replace(/\s+/g, ' ')).toContain(title);
  });

  test('names what cannot be expressed, and writes nothing', () => {
    const { status, output, error } = run([FIXTURES]);
    expect([status, output]).toEqual([1, '']);
    expect(error).toContain(
      'windows_fields.yml: "Renamed Program" (3e8b1c6d-9a85-4b3c-8f4e-5c9c4c3b0d04): process_ancestry_events has no column for the field "IntegrityLevel"\n',
    );
    expect(error).toMatch(
      /3 rules can be expressed, 4 cannot: nothing is written; --skip-unsupported leaves them out\n$/,
    );
  });

  test('leaves out what cannot be expressed if asked to', () => {
    const { status, output, error } = run([FIXTURES], { skipUnsupported: true });
    expect([status, Object.keys(JSON.parse(output).queries).length]).toEqual([0, 3]);
    expect(error).toContain('count.yml: "Many Processes"');
    expect(run([`${FIXTURES}unsupported`], { skipUnsupported: true })).toMatchObject({ status: 1, output: '' });
  });

  test('fails where a file cannot be read, and shows no control characters of a rule', () => {
    expect(run(['/nonexistent/x.yml'], { skipUnsupported: true })).toMatchObject({
      status: 1,
      output: '',
      error: expect.stringContaining('cannot read the rules: ENOENT'),
    });
    const folder = mkdtempSync(join(tmpdir(), 'sigma-'));
    made.push(folder);
    expect(run([folder])).toEqual({ status: 1, output: '', error: `process_ancestry: no rule found in ${folder}\n` });
    mkdirSync(join(folder, 'e.yml'));
    writeFileSync(join(folder, 'r.yaml'), 'title: "\\e[31mred"\nlogsource: {}\ndetection: {}\n');
    expect(run([folder]).error).not.toContain('\x1b');
  });
});
