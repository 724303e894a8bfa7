import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { text } from '../../../src/osquery/column.ts';
import { type ExitReason, Extension, type ExtensionOptions } from '../../../src/osquery/extension.ts';
import { ExtensionClient } from '../../../src/osquery/extension_client.ts';
import { ExtensionServer } from '../../../src/osquery/extension_server.ts';
import { ManagerClient } from '../../../src/osquery/manager_client.ts';
import type { TablePlugin } from '../../../src/osquery/table_plugin.ts';
import types from '../../../thrift/gen-nodejs/osquery_types.js';
import { FakeManager } from './fake_manager.ts';
import { afterwards, directory, recorder, until } from './sandbox.ts';

const table: TablePlugin<string> = {
  name: 'words',
  description: '',
  columns: [text('word', '', (word: string) => word)],
  rowid: (word) => word.charCodeAt(0),
  generate: () => ['a', 'b'],
};
const GENERATE = { action: 'generate', context: '{"constraints":[]}' };

function start(socketPath: string, options: Partial<ExtensionOptions> = {}) {
  const log = recorder();
  const registered: string[] = [];
  let reason: ExitReason | undefined;
  const extension = new Extension({
    name: 'process_ancestry',
    version: '0.1.0',
    socketPath,
    timeoutSeconds: 120,
    intervalSeconds: 0.05,
    plugins: [table],
    log,
    onRegistered: (uuid, registrations) => registered.push(`${registrations}: ${uuid}`),
    ...options,
  });
  const run = extension.run();
  run.then(
    (left) => {
      reason = left;
    },
    () => {},
  );
  afterwards(() => extension.stop('test over').catch(() => {}));
  return { extension, run, log, registered, reason: () => reason };
}

const managerSocket = () => join(directory(), 'o.em');

async function rowsAt(path: string) {
  return (await new ExtensionClient(path).call('table', 'words', GENERATE)).rows;
}

describe('the beginning', () => {
  test('waits for a manager that starts late, and answers as soon as it is registered', async () => {
    const path = managerSocket();
    const manager = new FakeManager(path);
    const tries = vi.spyOn(ManagerClient.prototype, 'registerExtension');
    afterwards(() => tries.mockRestore());
    const { registered, log } = start(path, {
      onRegistered: (uuid, registrations) => {
        expect(existsSync(`${path}.${uuid}`)).toBe(true);
        registered.push(`${registrations}: ${uuid}`);
      },
    });
    await until(() => tries.mock.calls.length > 1, 'another try');
    expect(registered).toEqual([]);
    await manager.listen();
    await until(() => registered.length === 1);
    expect(await rowsAt(`${path}.20658`)).toEqual([
      { rowid: '97', word: 'a' },
      { rowid: '98', word: 'b' },
    ]);
    expect(manager.extensions.get(20658)).toMatchObject({
      name: 'process_ancestry',
      version: '0.1.0',
      sdk_version: '5.0.0',
      min_sdk_version: '0.0.0',
    });
    expect(manager.registries[0]).toEqual({
      table: {
        words: [
          { id: 'column', name: 'word', type: 'TEXT', op: '0' },
          { id: 'attributes', attributes: '0' },
        ],
      },
    });
    expect(log.lines.map(({ message }) => message)).toEqual(['registered with osquery']);
  });

  test('gives up waiting for a manager that does not start', async () => {
    const path = managerSocket();
    const { run } = start(path, { timeoutSeconds: 0.3 });
    await expect(run).rejects.toMatchObject({
      code: 'unreachable',
      message: expect.stringContaining(`${path}: osquery did not answer within 0.3 s`),
    });
  });

  test('reports why osquery refuses it', async () => {
    const manager = new FakeManager(managerSocket());
    manager.refusal = 'No such registry';
    await manager.listen();
    const { run } = start(manager.path, { timeoutSeconds: 0.1 });
    await expect(run).rejects.toMatchObject({
      code: 'refused',
      message: 'osquery refused the extension process_ancestry: No such registry',
    });
  });

  test('waits until osquery has forgotten a predecessor of the same name', async () => {
    const manager = await new FakeManager(managerSocket()).listen();
    manager.refusal = 'Duplicate extension registered';
    const { registered } = start(manager.path);
    await until(() => manager.calls.registerExtension > 1, 'another try');
    expect(registered).toEqual([]);
    manager.refusal = undefined;
    await until(() => registered.length === 1);
  });

  test.each<[string, (directory: string) => string, string]>([
    [
      'a path that leaves no room for the uuid',
      (dir) => join(dir, 'x'.repeat(97 - dir.length)),
      '98 bytes long, 97 at most: choose a shorter --extensions_socket',
    ],
    ['no path', () => '', 'no socket path: pass --socket'],
    ['no directory', (dir) => join(dir, 'none', 'o.em'), 'no such directory'],
    [
      'a file as directory',
      (dir) => {
        writeFileSync(join(dir, 'f'), '');
        return join(dir, 'f', 'o.em');
      },
      'is not a directory',
    ],
    [
      'a file',
      (dir) => {
        writeFileSync(join(dir, 'f'), '');
        return join(dir, 'f');
      },
      'is not a socket: check --socket',
    ],
  ])('does not wait for what will not come: %s', async (_name, path, message) => {
    const { run } = start(path(directory()));
    await expect(run).rejects.toMatchObject({ code: 'socket-path', message: expect.stringContaining(message) });
  });

  test('a socket that cannot be made is an error, and osquery gets a deregistration', async () => {
    const manager = await new FakeManager(managerSocket()).listen();
    writeFileSync(`${manager.path}.20658`, 'in the way');
    const { run } = start(manager.path);
    await expect(run).rejects.toMatchObject({ code: 'socket-path' });
    expect(manager.deregistered).toEqual(['20658']);
  });
});

describe('a worker that is restarted', () => {
  test('is registered with again, on a new socket, and the old one is closed', async () => {
    const path = managerSocket();
    const first = await new FakeManager(path).listen();
    const { registered, log } = start(path);
    await until(() => registered.length === 1);
    await first.die();
    const second = new FakeManager(path);
    second.nextUuid = 30000;
    await until(() => log.lines.some(({ message }) => message === 'osquery does not answer, trying again'));
    await second.listen();
    await until(() => registered.length === 2);
    expect(registered).toEqual(['1: 20658', '2: 30000']);
    expect(await rowsAt(`${path}.30000`)).toHaveLength(2);
    expect(readdirSync(join(path, '..')).sort()).toEqual(['o.em', 'o.em.30000']);
  });

  test('may give the same uuid again', async () => {
    const path = managerSocket();
    const first = await new FakeManager(path).listen();
    const { registered } = start(path);
    await until(() => registered.length === 1);
    await first.die();
    await new FakeManager(path).listen();
    await until(() => registered.length === 2);
    expect(await rowsAt(`${path}.20658`)).toHaveLength(2);
  });

  test('may give our uuid to another extension, whose socket stays', async () => {
    const path = managerSocket();
    const first = await new FakeManager(path).listen();
    const { registered } = start(path, { intervalSeconds: 0.3 });
    await until(() => registered.length === 1);
    await first.die();
    rmSync(`${path}.20658`);
    const second = new FakeManager(path);
    second.nextUuid = 30000;
    second.extensions.set(
      20658,
      new types.InternalExtensionInfo({ name: 'other', version: '', sdk_version: '', min_sdk_version: '' }),
    );
    const other = new ExtensionServer({ path: `${path}.20658`, uuid: '20658', tables: [], log: recorder() });
    await other.listen();
    afterwards(() => other.close());
    await second.listen();
    await until(() => registered.length === 2);
    expect(await rowsAt(`${path}.30000`)).toHaveLength(2);
    expect((await new ExtensionClient(`${path}.20658`).ping()).uuid).toBe('20658');
  });

  test('is noticed at once when the connection breaks, with any interval', async () => {
    const path = managerSocket();
    const first = await new FakeManager(path).listen();
    const { registered } = start(path, { intervalSeconds: 3600 });
    await until(() => first.calls.extensions === 1, 'the first round');
    await first.die();
    await new FakeManager(path).listen();
    await until(() => registered.length === 2, 'the second registration');
  });

  test('a manager that has dropped the registration silently is registered with again', async () => {
    const manager = await new FakeManager(managerSocket()).listen();
    const { registered, log } = start(manager.path);
    await until(() => registered.length === 1);
    manager.extensions.clear();
    await until(() => registered.length === 2);
    expect(log.lines.map(({ message }) => message)).toContain(
      'osquery no longer knows the extension: registering again',
    );
  });

  test('is not asked while it pings, and is asked when its pings end', async () => {
    const manager = await new FakeManager(managerSocket()).listen();
    let [seen, pings] = [0, true];
    const { registered } = start(manager.path, {
      onSeen: () => {
        seen++;
        if (pings) new ExtensionClient(`${manager.path}.20658`).ping().catch(() => undefined);
      },
    });
    await until(() => seen - manager.calls.extensions >= 5, 'five intervals without a question');
    expect(registered).toHaveLength(1);
    pings = false;
    manager.extensions.clear();
    await until(() => registered.length === 2);
  });

  test('another extension under our uuid is not us', async () => {
    const manager = await new FakeManager(managerSocket()).listen();
    const { registered } = start(manager.path);
    await until(() => registered.length === 1);
    const info = manager.extensions.get(20658);
    manager.extensions.clear();
    manager.extensions.set(20658, Object.assign(Object.create(Object.getPrototypeOf(info)), info, { name: 'other' }));
    await until(() => registered.length === 2);
  });
});

test('options are asked for at each use', async () => {
  const manager = await new FakeManager(managerSocket()).listen();
  const { extension, registered } = start(manager.path);
  await until(() => registered.length === 1);
  const depth = async () => (await extension.options()).get('custom_process_ancestry_max_depth')?.value;
  expect(await depth()).toBe('24');
  const option = manager.options.custom_process_ancestry_max_depth;
  if (option) option.value = '12';
  expect(await depth()).toBe('12');
});

describe('the end', () => {
  test('a worker that leaves is waited for as long as its watcher lives', async () => {
    const manager = await new FakeManager(managerSocket()).listen();
    const { registered, reason, extension } = start(manager.path, { isWatched: true });
    await until(() => registered.length === 1);
    await new ExtensionClient(`${manager.path}.20658`).shutdown();
    expect(reason()).toBeUndefined();
    await manager.die();
    const next = await new FakeManager(manager.path).listen();
    await until(() => registered.length >= 2);
    expect(next.extensions.size).toBe(1);
    expect((await new ExtensionClient(`${manager.path}.20658`).ping()).code).toBe(0);
    expect(reason()).toBeUndefined();
    await extension.stop('test');
    expect(reason()).toBe('test');
  });

  test('a shutdown by osquery is answered, and the extension ends without deregistering', async () => {
    const manager = await new FakeManager(managerSocket()).listen();
    const { run, registered } = start(manager.path);
    await until(() => registered.length === 1);
    await new ExtensionClient(`${manager.path}.20658`).shutdown();
    expect(await run).toBe('shutdown');
    expect(manager.deregistered).toEqual([]);
    expect(existsSync(`${manager.path}.20658`)).toBe(false);
  });

  test('stop deregisters and removes the socket', async () => {
    const manager = await new FakeManager(managerSocket()).listen();
    const { extension, run, registered } = start(manager.path);
    await until(() => registered.length === 1);
    await extension.stop('SIGTERM');
    expect(await run).toBe('SIGTERM');
    expect(manager.deregistered).toEqual(['20658']);
    expect(existsSync(`${manager.path}.20658`)).toBe(false);
    await extension.stop('again');
  });

  test('stop does not wait for a manager that hangs', async () => {
    const path = managerSocket();
    const manager = await new FakeManager(path).listen();
    const { extension, run, registered } = start(path);
    await until(() => registered.length === 1);
    await manager.die();
    const { createServer } = await import('node:net');
    const hanging = createServer(() => {});
    const sockets = new Set<{ destroy(): void }>();
    hanging.on('connection', (socket) => sockets.add(socket));
    await new Promise<void>((resolve) => hanging.listen(path, resolve));
    afterwards(() => {
      for (const socket of sockets) socket.destroy();
      hanging.close();
    });
    await until(() => sockets.size > 0);
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    afterwards(() => vi.useRealTimers());
    const stopped = extension.stop('SIGTERM');
    // A second of the clock that its timers have; what is not over by then would never be.
    for (let ms = 0; ms < 1000; ms += 100) {
      await vi.advanceTimersByTimeAsync(100);
      await new Promise(setImmediate);
    }
    await stopped;
    expect(await run).toBe('SIGTERM');
  });

  test('stop ends the wait for a manager that never started', async () => {
    const { extension, run } = start(managerSocket(), { timeoutSeconds: 60 });
    await extension.stop('SIGINT');
    expect(await run).toBe('SIGINT');
  });

  test('the extension ends at the next check after its parent', async () => {
    const manager = await new FakeManager(managerSocket()).listen();
    let parent = 100;
    const { run, registered } = start(manager.path, { parentPid: () => parent });
    await until(() => registered.length === 1);
    parent = 1;
    expect(await run).toBe('watcher gone');
    expect(existsSync(`${manager.path}.20658`)).toBe(false);
  });

  test('the lost connection starts a check, so the extension ends with osquery', async () => {
    const manager = await new FakeManager(managerSocket()).listen();
    let parent = 100;
    const { run, registered } = start(manager.path, { parentPid: () => parent, intervalSeconds: 3600 });
    await until(() => registered.length === 1);
    parent = 1;
    await manager.die();
    expect(await run).toBe('watcher gone');
  });

  test('it also ends while it waits for a worker that does not come back', async () => {
    const manager = await new FakeManager(managerSocket()).listen();
    let parent = 100;
    const { run, registered } = start(manager.path, { parentPid: () => parent });
    await until(() => registered.length === 1);
    await manager.die();
    parent = 1;
    expect(await run).toBe('watcher gone');
  });

  test('it runs once', async () => {
    const { extension, run } = start(managerSocket());
    await expect(extension.run()).rejects.toThrow('runs once');
    await extension.stop();
    await run;
  });
});

test('the first table of the README runs, and its process ends when osquery asks', async () => {
  const index = new URL('../../../src/osquery/index.ts', import.meta.url);
  const readme = readFileSync(new URL('README.md', index), 'utf8');
  const [, code = ''] = /```ts\n(.*?)```/s.exec(readme) ?? [];
  expect(code.trim().split('\n').length).toBeLessThanOrEqual(15);
  const example = code.replace("'./index.ts'", JSON.stringify(index.href));
  const path = managerSocket();
  const manager = await new FakeManager(path).listen();
  const file = join(path, '..', 'example.mts');
  writeFileSync(file, example);
  const child = spawn(process.execPath, [file, '--socket', path], { stdio: ['ignore', 'ignore', 'pipe'] });
  afterwards(() => child.kill());
  let errors = '';
  child.stderr.on('data', (chunk) => {
    errors += chunk;
  });
  const ended = new Promise((resolve) => child.on('exit', resolve));
  const client = new ExtensionClient(`${path}.20658`);
  // The file exists a moment before the server listens.
  const answers = () =>
    client.ping().then(
      () => true,
      () => false,
    );
  await until(async () => (await answers()) || errors !== '', 'an answer');
  expect(errors).toBe('');
  const { rows } = await client.call('table', 'node_uptime', GENERATE);
  expect(rows).toEqual([{ rowid: '1', seconds: expect.stringMatching(/^\d+$/), version: process.version }]);
  await client.shutdown();
  expect(await ended).toBe(0);
  expect(manager.extensions.get(20658)?.name).toBe('uptime');
  expect(existsSync(`${path}.20658`)).toBe(false);
});
