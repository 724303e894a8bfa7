/** osquery knows everything in packaging/osquery, and the generated files match their sources. */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, test } from 'vitest';
import { columnNames, statementOf } from '../../../packaging/osquery/detection_sql.ts';
import { combinedPack, detectionsPack, readDetections, withDetections } from '../../../packaging/osquery/detections.ts';
import { readPack } from '../../../packaging/osquery/pack.ts';
import { programs, scripted } from '../../../packaging/osquery/programs.ts';
import { pushDown } from '../../../src/commands/shell/push_down.ts';
import type { RegisteredTable } from '../../../src/commands/shell/registered_table.ts';
import { resolveFlags } from '../../../src/config/settings.ts';
import { columns as allowColumns } from '../../../tables/process_ancestry_allow.ts';
import { columns } from '../../../tables/process_ancestry_events.ts';

const file = (name: string) => readFileSync(new URL(`../../../packaging/osquery/${name}`, import.meta.url), 'utf8');

const table: RegisteredTable = {
  name: 'process_ancestry_events',
  columns: columns.map(({ name, type, options }) => ({ name, type, options, hidden: false })),
};

/** Flags that may stand on the command line alone: CLI_FLAG in osquery's sources, of the file that is named. */
const COMMAND_LINE_FLAGS = new Set([
  ...['config_plugin', 'config_path'], // osquery/config/config.cpp, osquery/config/plugins/filesystem_config.cpp
  ...['logger_plugin', 'logger_path', 'logger_rotate'], // docs/wiki/installation/cli-flags.md, Logging/results flags
  'database_path', // osquery/database/database.cpp
  ...['disable_extensions', 'extensions_socket', 'extensions_autoload'], // osquery/extensions/extensions.cpp
  ...['extensions_timeout', 'extensions_interval'], // the same
  'enable_extensions_watchdog', // osquery/core/watcher.cpp
  ...['disable_events', 'disable_audit'], // osquery/events/eventfactory.cpp, osquery/events/linux/auditeventpublisher.cpp
]);
/** Flags that may stand in a configuration's options too. */
const OPTIONS = new Set([
  'host_identifier', // osquery/core/system.cpp
  ...['schedule_splay_percent', 'pack_refresh_interval'], // osquery/config/packs.cpp
]);
/** What osquery/config/packs.cpp reads of a query, and what its documentation asks for besides. */
const QUERY_KEYS = new Set(['query', 'interval', 'removed', 'snapshot', 'description', 'value']);

test('packs/detections.conf is what the detections and the measured counts make (npm run generate writes it)', () => {
  expect(file('packs/detections.conf')).toBe(detectionsPack());
});

test('packs/detections-combined.conf is what the detections make (npm run generate writes it)', () => {
  expect(file('packs/detections-combined.conf')).toBe(combinedPack());
});

test('the table in README.md has all detections (npm run generate writes it)', () => {
  const readme = file('README.md');
  expect(readme).toBe(withDetections(readme));
});

test("each detection in the table of Falco's rules exists", () => {
  const [, table = ''] = /<!-- falco -->([\s\S]*)<!-- end of falco -->/.exec(file('README.md')) ?? [];
  const covered = table.split('\n').filter((line) => !line.includes('| none'));
  const names = covered.flatMap((line) => [...line.matchAll(/`([a-z_]+)`/g)].map(([, name = '']) => name));
  expect(names.length).toBeGreaterThan(50);
  // The table also names the column env.
  const existing = new Set([...readDetections().map(({ name }) => name), 'env']);
  expect(names.filter((name) => !existing.has(name))).toEqual([]);
});

test('each detection has been measured over an apt-get install and an npm install, and says how many rows that gave', () => {
  for (const { description } of Object.values(readPack('detections').queries)) {
    expect(description).toMatch(
      / Measured: \d+ hits in \d{4,} execs of apt-get install .*, \d+ hits in \d{3,} execs of npm /,
    );
  }
});

describe.each(['detections', 'detections-combined', 'process-ancestry'])('the pack %s', (name) => {
  const pack = readPack(name);
  const queries = Object.entries(pack.queries);

  test('runs on Linux alone, and where the extension is loaded', () => {
    expect(pack).toMatchObject({ platform: 'linux', version: expect.stringMatching(/^\d+\.\d+\.\d+$/) });
    expect(pack.discovery).toEqual([`SELECT 1 FROM osquery_extensions WHERE name = 'process_ancestry'`]);
  });

  test.each(queries)('%s has keys that osquery reads, and a description', (_, query) => {
    expect(Object.keys(query).filter((key) => !QUERY_KEYS.has(key))).toEqual([]);
    expect(query.interval).toBeGreaterThanOrEqual(30);
    expect(query.description.length).toBeGreaterThan(40);
    expect(query.value.length).toBeGreaterThan(10);
  });

  test('no two queries have the same subscriber: each would get a part of the rows', () => {
    const subscribers = queries.flatMap(([, { query }]) => /subscriber = '([^']+)'/.exec(query)?.[1] ?? []);
    expect(new Set(subscribers).size).toBe(subscribers.length);
  });

  test.each(queries.filter(([, { query }]) => query.includes('subscriber = ')))(
    '%s pushes its subscriber down',
    (_, { query }) => {
      const { calls } = pushDown(query, table);
      expect(calls).toHaveLength(1);
      expect(calls[0]).toContainEqual({ column: 'subscriber', op: 2, expr: expect.stringMatching(/^[a-z_.]+$/) });
    },
  );
});

test('a query that joins a subscriber with a table reads its rows once', () => {
  const queries = ['detections', 'detections-combined', 'process-ancestry'].flatMap((name) =>
    Object.entries(readPack(name).queries),
  );
  const joined = queries.filter(([, { query }]) => {
    // json_each of a column of the row does not count as a table.
    const sources = [...query.matchAll(/\b(?:FROM|JOIN) ([a-z_]+)(?![a-z_(])/g)].map(([, name]) => name);
    return query.includes('subscriber = ') && sources.some((name) => name !== 'process_ancestry_events');
  });
  const notOnce = joined.filter(([, { query }]) => !/^WITH \w+ AS MATERIALIZED \(/.test(query));
  expect(notOnce.map(([name]) => name)).toEqual([]);
});

const TABLES = [
  { name: 'process_ancestry_events', columns },
  { name: 'process_ancestry_allow', columns: allowColumns },
]
  .map(({ name, columns: all }) => `CREATE TABLE ${name} (${all.map(({ name, type }) => `${name} ${type}`).join()})`)
  .join(';');

/** Ids that ATT&CK 19 replaced by others. */
const REVOKED = /^T(?:1562(?:\.\d+)?|1070\.00[12]|1656|1672|1574\.002)$/;

describe.each(readDetections())('detection $name', ({ query, techniques, condition }) => {
  test('answers with the columns that all of them have', () => {
    using database = new DatabaseSync(':memory:');
    database.exec(TABLES);
    expect(
      database
        .prepare(query)
        .columns()
        .map(({ name }) => name),
    ).toEqual(columnNames);
    expect(techniques.length).toBeGreaterThan(0);
    expect(techniques.filter((id) => REVOKED.test(id))).toEqual([]);
  });

  test('compares programs with names that have no version', () => {
    const lists = [...condition.matchAll(/\{(?:program|creator)\} (?:NOT )?(?:IN \(([^)]*)\)|= ('[^']*'))/g)];
    const names = lists.flatMap(([, list = '', name = '']) => `${list}${name}`.match(/[^', ]+/g) ?? []);
    expect(names.filter((name) => /[\d.-]$|\//.test(name))).toEqual([]);
  });

  test('reads the table once, in any plan of SQLite', () => {
    expect(query).toMatch(/^WITH new AS MATERIALIZED \(SELECT /);
    expect(query.match(/process_ancestry_events/g)).toHaveLength(1);
    expect(query).not.toMatch(/[ (,]\+[a-z]/);
  });
});

test('simple conditions go to the table, SQLite checks the others', () => {
  const sql = statementOf({
    name: 'x',
    techniques: [],
    condition: `path GLOB '*sh'\nAND (cmdline = 'a AND pid = 1' OR args->>0 GLOB 'b')\nAND gid >= 5 AND uid IN (1, 2) AND {program} = 'x'`,
  });
  expect(sql).toContain(
    ` WHERE subscriber = 'detections.x' AND action GLOB '*exec*' AND path GLOB '*sh' AND gid >= 5), allow`,
  );
  expect(sql).toMatch(
    / FROM new WHERE \(cmdline = 'a AND pid = 1' OR args->>0 GLOB 'b'\) AND uid IN \(1, 2\) AND program = 'x' AND NOT EX/,
  );
  expect(sql).toContain(' AS program, pid, path, mode, ');
});

test('no program is in a list twice, and none has a version or a path in its name', () => {
  for (const [name, list] of Object.entries(programs)) {
    expect(new Set(list).size, name).toBe(list.length);
    expect(
      list.filter((program) => /[\d.-]$|\//.test(program)),
      name,
    ).toEqual([]);
  }
  expect(Object.keys(scripted).filter((name) => !programs[name])).toEqual([]);
});

describe('the configuration of a standalone host', () => {
  const { options, packs } = JSON.parse(file('osquery.conf')) as Record<'options' | 'packs', Record<string, string>>;

  test('has options that osquery or the extension knows, each with a value that it takes', () => {
    const custom = Object.entries(options).filter(([name]) => name.startsWith('custom_'));
    expect(Object.keys(options).filter((name) => !name.startsWith('custom_') && !OPTIONS.has(name))).toEqual([]);
    const sources = { commandLine: new Map(), environment: {}, file: undefined };
    const read = resolveFlags({ ...sources, osqueryOptions: new Map(custom) });
    const without = resolveFlags({ ...sources, osqueryOptions: new Map() });
    expect(read.errors).toEqual([]);
    const changed = Object.entries(read.values).filter(
      ([name, value]) => (without.values as object)[name as never] !== value,
    );
    expect(changed.map(([name]) => `custom_${name}`).sort()).toEqual(custom.map(([name]) => name).sort());
  });

  test('names the packs where the packages install them', () => {
    for (const path of Object.values(packs)) {
      expect(path).toMatch(/^\/usr\/share\/osquery-process-ancestry\/osquery\/packs\//);
      expect(readPack(basename(path, '.conf')).platform).toBe('linux');
    }
  });

  test('has flags that osquery knows, one a line', () => {
    const lines = file('osquery.flags').trimEnd().split('\n');
    const names = lines.map((line) => /^--([a-z_]+)=\S+$/.exec(line)?.[1] ?? line);
    expect(names.filter((name) => !COMMAND_LINE_FLAGS.has(name))).toEqual([]);
    expect(new Set(names).size).toBe(names.length);
  });
});
