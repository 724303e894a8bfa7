import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { generated, PACKS } from '../../../packaging/fleet/generate.ts';
import { fleetQueries } from '../../../packaging/fleet/queries_of_packs.ts';
import { toYaml } from '../../../packaging/fleet/yaml.ts';
import { columns as events } from '../../../tables/process_ancestry_events.ts';
import { asMapping, expand, FOLDER, hasYaml, type Mapping, parseYaml } from '../../fleet/fleet_files.ts';

const fixtures = fileURLToPath(new URL('../../fixtures/fleet/packs', import.meta.url));

describe('what is made for Fleet', () => {
  test('is what is committed (npm run generate writes it)', () => {
    const made = generated(PACKS);
    for (const [path, text] of made) expect(readFileSync(join(FOLDER, path), 'utf8'), path).toBe(text);
    const committed = ['queries', 'tables'].flatMap((folder) =>
      readdirSync(join(FOLDER, folder)).map((file) => `${folder}/${file}`),
    );
    expect(committed.filter((path) => !made.has(path))).toEqual(['queries/process-ancestry.yml']);
  });

  test('a query of a pack becomes one of Fleet’s, with a subscriber of its own', () => {
    const pack = readFileSync(join(fixtures, 'sample.conf'), 'utf8');
    expect(fleetQueries('sample.conf', pack)).toEqual([
      {
        name: 'shell_under_web_server',
        description: 'T1505.003: a shell under a web server; costs $0',
        query:
          "SELECT time, ecs ->> '$.user.name' AS user, '$HOME' AS home FROM process_ancestry_events WHERE subscriber = 'fleet:detect_shell'",
        interval: 60,
        platform: 'linux',
        min_osquery_version: '5.2.0',
        logging: 'differential_ignore_removals',
        automations_enabled: true,
        observer_can_run: false,
        discard_data: true,
      },
      {
        name: 'health',
        query: 'SELECT hit_rate\n  FROM process_ancestry_cache_stats',
        interval: 300,
        platform: 'linux',
        min_osquery_version: '5.2.0',
        logging: 'snapshot',
        automations_enabled: true,
        observer_can_run: true,
        discard_data: false,
      },
      {
        name: 'listeners',
        query: 'SELECT port FROM listening_ports',
        interval: 3600,
        platform: 'linux',
        min_osquery_version: '5.10.0',
        logging: 'differential',
        automations_enabled: true,
        observer_can_run: true,
        discard_data: true,
      },
    ]);
  });

  test('all packs but the one that is written by hand for Fleet', () => {
    const made = generated(fixtures);
    expect([...made.keys()].filter((path) => path.startsWith('queries/'))).toEqual(['queries/sample.yml']);
    expect(made.get('queries/sample.yml')).toMatch(/^# Made by npm run generate from .*sample\.conf/);
  });

  test.each([
    ['{', 'a.conf: '],
    ['{"queries": {"x": {"interval": 5}}}', 'a.conf: x: no query or interval'],
    ['{"queries": {"x": {"query": "SELECT 1"}}}', 'a.conf: x: no query or interval'],
    ['[]', 'a.conf: no queries'],
  ])('a pack that is none is refused by name: %s', (text, reason) => {
    expect(() => fleetQueries('a.conf', text)).toThrow(reason);
  });
});

describe.skipIf(!hasYaml())('the YAML', () => {
  test('is read back as what was written', () => {
    const texts = [
      ...[
        '',
        ' ',
        'a: b',
        'a #b',
        '#a',
        '- a',
        '-a',
        '?',
        ':',
        'a:',
        '[a',
        '{a',
        '&a',
        '*a',
        '!a',
        '|',
        '>',
        "'a",
        '"a',
      ],
      ...['%a', '@a', '`a', 'yes', 'No', 'on', 'OFF', 'true', 'null', '~', 'y', '1', '1.5', '0x1f', '1e3', '.5', '+1'],
      ...[
        '2026-01-01',
        '12:30',
        '=',
        '<<',
        'a\tb',
        'a\nb',
        'a\n  b\n',
        '\na',
        'a\n\n b',
        ' a\nb',
        'ünï…',
        '\\',
        'a\\nb',
      ],
      ...["'$HOME'", 'SELECT 1 -- comment: here', 'a,b', '---', '...', '5.0.0', '1_000', '.inf', '0o17', '1:30'],
    ];
    const long = `SELECT  '${'a b  c '.repeat(40)}' AS "x: y" # -- ${'w'.repeat(150)} WHERE ${'a = 1 AND '.repeat(30)}b`;
    texts.push(long, `- ${long}`, `${long} `, `${long}\n${long}`);
    const nested = {
      list: texts,
      mapping: { deeper: [{ a: 1, b: true, c: [{ d: 'x\ny' }] }, { e: 'f' }] },
      end: false,
    };
    expect(parseYaml([toYaml(nested), toYaml(texts)])).toEqual([nested, texts]);
  });

  test('of a pack is Fleet’s query, after fleetctl has replaced variables', () => {
    const text = generated(fixtures).get('queries/sample.yml') ?? '';
    const [queries] = parseYaml([expand(text, {})]) as [Mapping[]];
    expect(queries[0]).toMatchObject({
      description: 'T1505.003: a shell under a web server; costs $0',
      query: expect.stringContaining(`ecs ->> '$.user.name' AS user, '$HOME' AS home`),
    });
    expect(() => expand('SELECT $HOME', {})).toThrow('HOME is not set');
  });

  test('of a table has every column, as Fleet’s own schema files do', () => {
    const [schema] = parseYaml([generated(fixtures).get('tables/process_ancestry_events.yml') ?? '']);
    const { name, platforms, evented, columns, examples } = asMapping(schema, 'schema');
    expect({ name, platforms, evented }).toEqual({
      name: 'process_ancestry_events',
      platforms: ['linux'],
      evented: false,
    });
    expect((columns as Mapping[]).map((column) => column.name)).toEqual(
      events.flatMap(({ name, aliases = [] }) => [name, ...aliases]),
    );
    for (const column of columns as Mapping[]) {
      const { hidden = true, ...others } = column;
      expect(Object.keys(others)).toEqual(['name', 'description', 'type', 'required']);
      expect(['text', 'integer', 'bigint', 'double']).toContain(others.type);
      expect(hidden).toBe(true);
    }
    expect(examples).toContain('```\nSELECT');
  });

  const lint = spawnSync('yamllint', ['--version']).status === 0;
  test.skipIf(!lint)('of every file is as yamllint wants it', () => {
    const rules = '{extends: default, rules: {line-length: {max: 200}}}';
    expect(existsSync(FOLDER)).toBe(true);
    expect(execFileSync('yamllint', ['--strict', '-d', rules, FOLDER], { encoding: 'utf8' })).toBe('');
  });
});
