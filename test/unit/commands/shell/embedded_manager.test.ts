import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import Int64 from 'node-int64';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EmbeddedManager, type EmbeddedManagerOptions } from '../../../../src/commands/shell/embedded_manager.ts';
import { eventually } from '../../eventually.ts';
import {
  connectManager,
  type ManagerConnection,
  recordedRoutes,
  route,
  StandInExtension,
} from './stand_in_extension.ts';

let directory: string;
let socketPath: string;
const leftovers: (() => unknown)[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'manager-'));
  socketPath = join(directory, 'osquery.em');
});

afterEach(async () => {
  for (const clean of leftovers.splice(0).reverse()) await clean();
  rmSync(directory, { recursive: true, force: true });
});

async function started(options: EmbeddedManagerOptions = {}): Promise<EmbeddedManager> {
  const manager = new EmbeddedManager({ socketPath, ...options });
  leftovers.push(() => manager.kill());
  await manager.start();
  return manager;
}

function connected(): ManagerConnection['client'] {
  const connection = connectManager(socketPath);
  leftovers.push(() => connection.close());
  return connection.client;
}

const twoTables = {
  events: route(['pid', 'BIGINT', 9], ['path', 'TEXT'], ['eid', 'TEXT', 25]),
  stats: route(['collector', 'TEXT']),
};
const rows = { events: [{ pid: '1', path: '/sbin/init', eid: 'a' }], stats: [{ collector: 'audit' }] };

function extension(routes = twoTables): StandInExtension {
  const made = new StandInExtension(routes, rows);
  leftovers.push(() => made.close());
  return made;
}

/** A socket that a process left when it was killed. */
async function leaveStaleSocket(path: string): Promise<void> {
  const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => console.log('up'))`;
  const child: ChildProcess = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  if (child.stdout) await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'exit');
}

describe('the socket', () => {
  test('is its owner’s alone', async () => {
    await started();
    expect(statSync(socketPath).mode & 0o777).toBe(0o600);
    expect(statSync(socketPath).isSocket()).toBe(true);
  });

  test('lies in a private directory unless a path is given, and both go with the manager', async () => {
    const manager = new EmbeddedManager();
    await manager.start();
    const own = dirname(manager.socketPath);
    expect(statSync(own).mode & 0o777).toBe(0o700);
    await manager.stop();
    expect(existsSync(own)).toBe(false);
    expect(() => manager.socketPath).toThrow('not started');
  });

  test('replaces one that a killed process left', async () => {
    await leaveStaleSocket(socketPath);
    expect(existsSync(socketPath)).toBe(true);
    await started();
    expect(await connected().ping()).toMatchObject({ code: 0 });
  });

  test('replaces neither a socket in use nor another file', async () => {
    await started();
    await expect(new EmbeddedManager({ socketPath }).start()).rejects.toThrow('in use');
    const file = join(directory, 'file');
    writeFileSync(file, '');
    await expect(new EmbeddedManager({ socketPath: file }).start()).rejects.toThrow('not a socket');
  });

  test('has a path that leaves room for the UUID', async () => {
    const long = join(directory, 'x'.repeat(98 - directory.length - 1));
    await expect(new EmbeddedManager({ socketPath: long }).start()).rejects.toThrow('97 bytes');
  });

  test('survives a peer that speaks no Thrift', async () => {
    const log: string[] = [];
    await started({ log: (message) => log.push(message) });
    const peer = connect(socketPath, () => peer.write(Buffer.alloc(64, 0xff)));
    peer.on('error', () => {});
    await once(peer, 'close');
    expect(log.join()).toContain('manager socket');
    expect(await connected().ping()).toMatchObject({ code: 0 });
  });
});

describe('on the wire', () => {
  test('ping is answered as osquery answers it', async () => {
    await started();
    const answer = await connected().ping();
    expect([answer.code, answer.message, Number(answer.uuid)]).toEqual([0, 'pong', 0]);
  });

  test('options are what was configured, and may change', async () => {
    const manager = await started({ options: { custom_process_ancestry_cache_size: '2000' } });
    const client = connected();
    const option = { default_value: '', type: 'string' };
    expect(await client.options()).toEqual({ custom_process_ancestry_cache_size: { value: '2000', ...option } });
    manager.options.set('verbose', { value: 'true', default_value: 'false', type: 'bool' });
    expect(Object.keys(await client.options())).toEqual(['custom_process_ancestry_cache_size', 'verbose']);
  });

  test('extensions lists who is registered under the UUID that was given', async () => {
    await started();
    const made = extension();
    await made.register(socketPath);
    expect(made.uuid).toBeGreaterThan(0);
    expect(made.uuid).toBeLessThan(65536);
    const list = await connected().extensions();
    expect(Object.keys(list)).toEqual([String(made.uuid)]);
    expect(Object.values(list)).toEqual([
      { name: 'process_ancestry', version: '0.2.0', sdk_version: '5.0.0', min_sdk_version: '0.0.0' },
    ]);
  });

  test('query runs statements, and says what was wrong', async () => {
    await started();
    await extension().register(socketPath);
    const client = connected();
    const answer = await client.query("SELECT pid, NULL AS n FROM events; SELECT 'x' AS y;");
    expect(answer.status.code).toBe(0);
    expect(answer.response).toEqual([{ pid: '1', n: '' }, { y: 'x' }]);
    const failed = await client.query('SELECT nope FROM events');
    expect([failed.status.code, failed.status.message]).toEqual([1, 'no such column: nope']);
  });

  test('getQueryColumns gives names and types in order', async () => {
    await started();
    await extension().register(socketPath);
    const answer = await connected().getQueryColumns('SELECT path, pid FROM events');
    expect(answer.response).toEqual([{ path: 'TEXT' }, { pid: 'BIGINT' }]);
    expect((await connected().getQueryColumns('SELEC')).status.code).toBe(1);
  });

  test('call reaches the table of an extension, and nothing else', async () => {
    await started();
    await extension().register(socketPath);
    const client = connected();
    const request = { action: 'generate', context: '{"constraints":[]}' };
    expect((await client.call('table', 'stats', request)).response).toEqual(rows.stats);
    const unknown = await client.call('table', 'nope', request);
    expect([unknown.status.code, unknown.status.message]).toEqual([1, 'No such registry item: table/nope']);
    expect((await client.call('logger', 'stats', request)).status.code).toBe(1);
  });

  test('shutdown ends it', async () => {
    await started();
    await connected().shutdown();
    await eventually(() => expect(existsSync(socketPath)).toBe(false));
  });
});

describe('registration', () => {
  test('tells the tables, with every column of the recorded ones', async () => {
    const manager = await started();
    await extension(recordedRoutes() as typeof twoTables).register(socketPath);
    const counts = manager.tables.map(({ name, columns }) => [name, columns.length]);
    expect(Object.fromEntries(counts)).toMatchObject({ process_ancestry_events: 59, process_ancestry: 13 });
    const events = manager.tables.find(({ name }) => name === 'process_ancestry_events');
    expect(events?.columns[0]).toEqual({ name: 'pid', type: 'BIGINT', options: 9, hidden: false });
    expect(events?.columns.find(({ name }) => name === 'subscriber')).toMatchObject({ options: 20, hidden: true });
  });

  test('of a name that is taken is refused as osquery refuses it', async () => {
    const manager = await started();
    await extension().register(socketPath);
    expect(await extension().register(socketPath)).toEqual({ code: 1, message: 'Duplicate extension registered' });
    expect(manager.extensions).toHaveLength(1);
  });

  test('of a table that is taken or broken is refused', async () => {
    const manager = await started();
    await extension().register(socketPath);
    expect(await extension().register(socketPath, 'other')).toMatchObject({
      code: 1,
      message: /Duplicate registry item/,
    });
    const broken = { ...twoTables, events: [{ id: 'column', name: 'x', type: 'NUMBER', op: '0' }] };
    expect(await extension(broken).register(socketPath, 'third')).toEqual({
      code: 1,
      message: 'table events: column x has type NUMBER',
    });
    expect(manager.extensions.map(({ name }) => name)).toEqual(['process_ancestry']);
  });

  test('ends with deregistration, and the name is free again', async () => {
    const manager = await started();
    const first = extension();
    await first.register(socketPath);
    const client = connected();
    expect((await client.deregisterExtension(new Int64(first.uuid))).code).toBe(0);
    expect(manager.extensions).toEqual([]);
    expect((await client.deregisterExtension(new Int64(first.uuid))).code).toBe(1);
    await expect(manager.query('SELECT * FROM events')).rejects.toThrow('no such table: events');
    expect(await extension().register(socketPath)).toMatchObject({ code: 0 });
  });

  test('can be waited for, until the extension answers', async () => {
    const manager = await started();
    const waiting = manager.waitForExtension('process_ancestry', 120_000);
    const made = extension();
    await made.register(socketPath);
    expect((await waiting).uuid).toBe(made.uuid);
    await expect(manager.waitForExtension('other', 60)).rejects.toThrow('other did not register within 60 ms');
    made.close();
    await expect(manager.waitForExtension('process_ancestry', 60)).rejects.toThrow('within 60 ms');
  });
});

describe('pings', () => {
  test('drop an extension that is gone', async () => {
    const log: string[] = [];
    const manager = await started({ pingIntervalMs: 30, log: (message) => log.push(message) });
    const made = extension();
    await made.register(socketPath);
    await manager.waitForExtension('process_ancestry', 120_000);
    made.close();
    await eventually(() => expect(manager.extensions).toEqual([]));
    expect(log.at(-1)).toMatch(/does not answer and was removed/);
  });

  test('drop one that says it is not well, and keep one that is', async () => {
    const manager = await started({ pingIntervalMs: 30 });
    const sick = extension();
    const well = extension({ events: twoTables.stats, stats: twoTables.stats });
    await sick.register(socketPath, 'sick');
    await expect(well.register(socketPath, 'well')).resolves.toMatchObject({ code: 1 });
    const other = new StandInExtension({ other: twoTables.stats });
    leftovers.push(() => other.close());
    await other.register(socketPath, 'other');
    sick.status = 1;
    await eventually(() => expect(manager.extensions.map(({ name }) => name)).toEqual(['other']));
  });
});

describe('a query', () => {
  test('goes over the wire with what it uses', async () => {
    const manager = await started();
    const made = extension();
    await made.register(socketPath);
    const result = await manager.query("SELECT path FROM events WHERE eid = 'a'");
    expect(result.rows).toEqual([['/sbin/init']]);
    expect(made.calls.map(({ contextText }) => contextText)).toEqual([
      '{"constraints":[{"name":"eid","list":[{"op":2,"expr":"a"}],"affinity":"TEXT"},{"name":"path","list":[],"affinity":"TEXT"},{"name":"pid","list":[],"affinity":"BIGINT"}],"colsUsed":["path","eid"],"colsUsedBitset":6}',
    ]);
  });

  test('fails with what the extension says', async () => {
    const manager = await started();
    const made = extension();
    await made.register(socketPath);
    made.status = 1;
    await expect(manager.query('SELECT path FROM events')).rejects.toThrow();
    made.close();
    await expect(manager.query('SELECT path FROM events')).rejects.toThrow();
  });
});

test('a manager that was killed starts again on the same path without extensions, and registers the extension again', async () => {
  const manager = await started();
  const made = extension();
  await made.register(socketPath);
  await manager.kill();
  expect(made.shutdowns).toBe(0);
  await leaveStaleSocket(socketPath);
  await manager.start();
  expect(manager.extensions).toEqual([]);
  const again = extension();
  expect(await again.register(socketPath)).toMatchObject({ code: 0 });
  expect((await manager.query('SELECT collector FROM stats')).rows).toEqual([['audit']]);
});

test('a manager that is stopped asks its extensions to leave', async () => {
  const manager = await started();
  const made = extension();
  await made.register(socketPath);
  await manager.stop();
  expect(made.shutdowns).toBe(1);
  expect(existsSync(socketPath)).toBe(false);
});
