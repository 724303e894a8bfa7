/** The examples of src/osquery/examples in a stock osqueryi. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type OsqueryiExtension, osqueryi } from './stock_osquery.ts';

let directory = '';
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'pa-examples-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** An example as osquery can start it: an executable file whose name ends in .ext. */
function example(file: string, name: string): OsqueryiExtension {
  const path = join(directory, `${name}.ext`);
  const source = fileURLToPath(new URL(`../../src/osquery/examples/${file}`, import.meta.url));
  writeFileSync(path, `#!/bin/sh\nexec '${process.execPath}' '${source}' "$@"\n`);
  chmodSync(path, 0o755);
  return { path, name };
}

describe('in a stock osqueryi', () => {
  test('the static table answers a query', () => {
    const rows = osqueryi('SELECT * FROM planets WHERE moons > 1', {}, example('static_table.ts', 'planets'));
    expect(rows).toEqual([{ name: 'Mars', moons: '2', radius: '0.53' }]);
  });

  test('the table with constraints answers a list of pids and a join', () => {
    const extension = example('constrained_table.ts', 'limits');
    const columns = "SELECT pid, hard FROM process_limits WHERE name = 'Max open files'";
    const rows = osqueryi(`${columns} AND pid IN (1, ${process.pid})`, {}, extension);
    expect(rows.map(({ pid }) => Number(pid)).sort()).toEqual([1, process.pid].sort());
    const join = `SELECT l.hard FROM processes p JOIN process_limits l USING (pid) WHERE p.pid = ${process.pid}`;
    expect(osqueryi(join, {}, extension).length).toBeGreaterThan(10);
  });

  test.each([
    ["INSERT INTO agent_settings (name, value) VALUES ('a', 'b')"],
    ["UPDATE agent_settings SET value = 'debug' WHERE name = 'log_level'"],
    ["DELETE FROM agent_settings WHERE name = 'log_level'"],
  ])('a table refuses %s', (sql) => {
    const extension = example('read_only_table.ts', 'settings');
    expect(osqueryi("SELECT value FROM agent_settings WHERE name = 'log_level'", {}, extension)).toEqual([
      { value: 'info' },
    ]);
    expect(() => osqueryi(sql, {}, extension)).toThrow('table agent_settings may not be modified');
  });
});
