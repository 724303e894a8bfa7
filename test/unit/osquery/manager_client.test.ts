import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ExtensionClient } from '../../../src/osquery/extension_client.ts';
import { ExtensionError } from '../../../src/osquery/extension_error.ts';
import { ManagerClient } from '../../../src/osquery/manager_client.ts';
import { FakeManager } from './fake_manager.ts';
import { OPTIONS, REGISTRATION, SENT_BY_MANAGER, SENT_TO_MANAGER } from './recording.ts';
import { afterwards, directory } from './sandbox.ts';

const INFO = { name: 'process_ancestry', version: '0.1.0', sdkVersion: '5.0.0', minSdkVersion: '0.0.0' };

/** A server with a given behaviour for each connection. */
async function fake(serve: (socket: Socket) => void): Promise<string> {
  const path = join(directory(), 'o.em');
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    serve(socket);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  afterwards(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return path;
}

describe('the recorded session', () => {
  test('is sent and understood byte for byte', async () => {
    const received: Buffer[] = [];
    let answered = 0;
    // Message ends: where the recording has the next answer's head.
    const starts = [...SENT_BY_MANAGER.toString('latin1').matchAll(/\x80\x01\x00\x02/g)].map(({ index }) => index);
    const path = await fake((socket) => {
      socket.on('data', (chunk: Buffer) => {
        received.push(chunk);
        if (Buffer.concat(received).length < SENT_TO_MANAGER.slice(0, answered + 1).reduce((n, b) => n + b.length, 0))
          return;
        socket.write(SENT_BY_MANAGER.subarray(starts[answered], starts[answered + 1]));
        answered += 1;
      });
    });
    const client = new ManagerClient(path);
    afterwards(() => client.close());
    const status = await client.registerExtension(INFO, REGISTRATION.registry);
    expect(status).toEqual({ code: 0, message: 'OK', uuid: '20658' });
    const options = await client.options();
    expect(options.size).toBe(206);
    const { value, default_value: defaultValue, type } = OPTIONS.custom_process_ancestry_max_depth ?? {};
    expect(options.get('custom_process_ancestry_max_depth')).toEqual({ value, defaultValue, type });
    for (const _ of SENT_TO_MANAGER.slice(2)) {
      expect(await client.ping()).toEqual({ code: 0, message: 'pong', uuid: '0' });
    }
    expect(Buffer.concat(received).equals(Buffer.concat(SENT_TO_MANAGER))).toBe(true);
  });
});

describe('with the Thrift library on the other side', () => {
  test('every method of a manager', async () => {
    const manager = await new FakeManager(join(directory(), 'o.em')).listen();
    const client = new ManagerClient(manager.path);
    afterwards(() => client.close());
    expect(await client.ping()).toEqual({ code: 0, message: 'pong', uuid: '0' });
    expect(await client.registerExtension(INFO, REGISTRATION.registry)).toMatchObject({ code: 0, uuid: '20658' });
    expect(manager.registries).toEqual([REGISTRATION.registry]);
    expect(await client.extensions()).toEqual(new Map([['20658', INFO]]));
    expect((await client.registerExtension(INFO, {})).message).toBe('Duplicate extension registered');
    expect(await client.query('SELECT 1')).toEqual({
      status: { code: 0, message: 'OK', uuid: '0' },
      rows: [{ sql: 'SELECT 1' }, { sql: '🌲' }],
    });
    await expect(client.getQueryColumns('SELECT 1')).rejects.toMatchObject({
      code: 'refused',
      message: expect.stringContaining('no columns'),
    });
    expect((await client.deregisterExtension('20658')).code).toBe(0);
    expect(await client.extensions()).toEqual(new Map());
  });

  test('requests at the same time are answered one after the other', async () => {
    const manager = await new FakeManager(join(directory(), 'o.em')).listen();
    const client = new ManagerClient(manager.path);
    afterwards(() => client.close());
    const [pong, options, rows] = await Promise.all([client.ping(), client.options(), client.query('x')]);
    expect([pong.message, options.has('verbose'), rows.rows.length]).toEqual(['pong', true, 2]);
  });

  test('after the manager was replaced, the next request connects again', async () => {
    const path = join(directory(), 'o.em');
    const first = await new FakeManager(path).listen();
    const client = new ManagerClient(path);
    afterwards(() => client.close());
    await client.ping();
    await first.die();
    await expect(client.ping()).rejects.toThrow(ExtensionError);
    await new FakeManager(path).listen();
    expect((await client.ping()).code).toBe(0);
  });
});

describe('a broken manager', () => {
  const head = (name: string, seqid = 1) => {
    const bytes = Buffer.alloc(12 + name.length);
    bytes.writeUInt32BE(0x80010002, 0);
    bytes.writeUInt32BE(name.length, 4);
    bytes.write(name, 8);
    bytes.writeUInt32BE(seqid, 8 + name.length);
    return bytes;
  };

  test.each<[string, (socket: Socket) => void, string]>([
    ['says nothing', () => {}, 'timeout'],
    ['hangs up', (socket) => socket.on('data', () => socket.destroy()), 'lost'],
    ['hangs up in the middle', (socket) => socket.on('data', () => socket.end(head('ping'))), 'lost'],
    ['speaks another protocol', (socket) => socket.on('data', () => socket.write('HTTP/1.1 200 OK')), 'protocol'],
    [
      'announces 2 GB',
      (socket) =>
        socket.on('data', () => socket.write(Buffer.concat([head('ping'), Buffer.from('0b00007fffffff', 'hex')]))),
      'protocol',
    ],
    [
      'answers something else',
      (socket) => socket.on('data', () => socket.write(Buffer.concat([head('pong'), Buffer.of(0)]))),
      'protocol',
    ],
    [
      'answers another call',
      (socket) => socket.on('data', () => socket.write(Buffer.concat([head('ping', 9), Buffer.of(0)]))),
      'protocol',
    ],
    ['talks first', (socket) => socket.write(head('ping')), 'protocol|timeout|lost'],
    [
      'answers nothing',
      (socket) => socket.on('data', () => socket.write(Buffer.concat([head('ping'), Buffer.of(0)]))),
      'protocol',
    ],
  ])('that %s is a typed error', async (_name, serve, code) => {
    // Only where it is the timeout that is tried may it come.
    const client = new ManagerClient(await fake(serve), code.includes('timeout') ? 150 : 120_000);
    afterwards(() => client.close());
    const error = await client.ping().then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(ExtensionError);
    expect(error instanceof ExtensionError && code.split('|').includes(error.code) ? 'as expected' : error).toBe(
      'as expected',
    );
  });

  test('that does not run is unreachable', async () => {
    const client = new ManagerClient(join(directory(), 'none'));
    await expect(client.ping()).rejects.toMatchObject({ code: 'unreachable' });
  });

  test('that answers noise is a typed error, for a manager and for an extension', async () => {
    let noise = Buffer.alloc(0);
    const path = await fake((socket) => socket.on('data', () => socket.end(noise)));
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 200 }),
        fc.constantFrom('ping', 'extensions', 'call', ''),
        async (bytes, name) => {
          noise = Buffer.concat([name ? head(name, name === 'call' ? 0 : 1) : Buffer.alloc(0), bytes]);
          const client = new ManagerClient(path, 1000);
          const extension = new ExtensionClient(path, { timeoutMs: 1000 });
          for (const ask of [
            () => client.ping(),
            () => client.extensions(),
            () => extension.call('a', 'b', {}),
            () => extension.ping(),
          ]) {
            await ask().catch((error: unknown) => expect(error).toBeInstanceOf(ExtensionError));
          }
          client.close();
        },
      ),
      { numRuns: 200 },
    );
  });

  test('an answer beyond the bound is refused by its announced length', async () => {
    const path = await fake((socket) =>
      socket.on('data', () => socket.write(Buffer.concat([head('call', 0), Buffer.from('0b000000100000', 'hex')]))),
    );
    const client = new ExtensionClient(path, { maxResponseBytes: 1024 * 1024, timeoutMs: 120_000 });
    await expect(client.call('table', 'x', {})).rejects.toMatchObject({ code: 'protocol' });
  });
});
