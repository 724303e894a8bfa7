/** Each example of the SDK, run as a separate process, with the built-in manager instead of osquery. */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { EmbeddedManager } from '../../../src/commands/shell/embedded_manager.ts';
import { afterwards, directory } from './sandbox.ts';

const EXAMPLES = fileURLToPath(new URL('../../../src/osquery/examples/', import.meta.url));

/** Starts an example and waits until it serves its table. */
async function started(file: string, extension: string) {
  const manager = new EmbeddedManager({ socketPath: join(directory(), 'osquery.em') });
  await manager.start();
  afterwards(() => manager.stop());
  // As osquery starts it, with arguments that the example does not use.
  const args = [join(EXAMPLES, file), '--socket', manager.socketPath, '--timeout', '3', '--interval', '3'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  afterwards(() => child.kill());
  const exited = new Promise<number | null>((resolve) => child.on('exit', resolve));
  await manager.waitForExtension(extension, 120_000);
  return { manager, child, exited };
}

test('an example has fewer than 60 lines', () => {
  const files = readdirSync(EXAMPLES);
  expect(files).toHaveLength(3);
  for (const file of files) {
    expect(readFileSync(join(EXAMPLES, file), 'utf8').trimEnd().split('\n').length, file).toBeLessThan(60);
  }
});

describe('the static table', () => {
  test('answers a query, and its process ends with osquery', async () => {
    const { manager, exited } = await started('static_table.ts', 'planets');
    expect((await manager.query('SELECT name, radius FROM planets WHERE moons > 1')).rows).toEqual([['Mars', '0.53']]);
    await manager.stop();
    expect(await exited).toBe(0);
  });
});

describe('the table with constraints', () => {
  test('reads the pids that the query names, and joins', async () => {
    const { manager, child } = await started('constrained_table.ts', 'limits');
    const { rows } = await manager.query(
      `SELECT pid, hard FROM process_limits WHERE pid IN (${process.pid}, ${child.pid}) AND name = 'Max open files'`,
    );
    expect(rows.map(([pid]) => Number(pid)).sort()).toEqual([process.pid, child.pid].sort());
    expect(rows.every(([, hard]) => Number(hard) > 0)).toBe(true);
  });

  test('reads all processes without a constraint, and none that does not exist', async () => {
    const { manager } = await started('constrained_table.ts', 'limits');
    const count = async (where: string) => (await manager.query(`SELECT count(*) FROM process_limits ${where}`)).rows;
    expect(Number((await count(`WHERE name = 'Max processes'`))[0]?.[0])).toBeGreaterThan(1);
    expect(await count('WHERE pid = 999999999')).toEqual([['0']]);
  });
});

describe('the table that refuses writes', () => {
  test.each(['insert', 'update', 'delete'])('answers %s with "readonly", and its rows stay', async (action) => {
    const { manager } = await started('read_only_table.ts', 'settings');
    const request = { action, id: '1', json_value_array: '["log_level","debug"]' };
    expect(await manager.call('table', 'agent_settings', request)).toMatchObject({
      status: { code: 0 },
      rows: [{ status: 'readonly' }],
    });
    const { rows } = await manager.query(`SELECT value FROM agent_settings WHERE name = 'log_level'`);
    expect(rows).toEqual([['info']]);
  });
});
