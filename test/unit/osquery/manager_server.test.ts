import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ManagerClient } from '../../../src/osquery/manager_client.ts';
import { decodeManagerRequest, encodeManagerCall } from '../../../src/osquery/manager_request.ts';
import { type ManagerService, serveManager } from '../../../src/osquery/manager_server.ts';
import { encodeUnknownMethod } from '../../../src/osquery/reply_encoder.ts';
import { encodeRequest } from '../../../src/osquery/request.ts';
import type { Status } from '../../../src/osquery/response.ts';
import { OPTIONS, REGISTRATION, SENT_BY_MANAGER, SENT_TO_MANAGER } from './recording.ts';
import { afterwards, directory, Peer, until } from './sandbox.ts';

const status = (message: string, uuid = '0'): Status => ({ code: 0, message, uuid });

const SERVICE: ManagerService = {
  ping: () => status('pong'),
  call: async (registry, item, request) => ({ status: status('OK'), rows: [{ registry, item, ...request }] }),
  shutdown: () => {},
  extensions: () =>
    new Map([['-9223372036854775808', { name: 'n', version: 'v', sdkVersion: 's', minSdkVersion: 'm' }]]),
  options: () =>
    new Map(
      Object.entries(OPTIONS).map(([name, { value, default_value: defaultValue, type }]) => [
        name,
        { value, defaultValue, type },
      ]),
    ),
  registerExtension: () => status('OK', '20658'),
  deregisterExtension: (uuid) => status('OK', uuid),
  query: async (sql) => ({ status: status('OK'), rows: [{ sql }] }),
  getQueryColumns: () => Promise.reject(new Error('no columns')),
};

/** Serves until the test is over. */
async function served(service: Partial<ManagerService> = {}) {
  const path = join(directory(), 'o.em');
  const faults: string[] = [];
  const server = createServer((socket) => {
    serveManager(socket, { ...SERVICE, ...service }).catch((error: Error) => faults.push(error.message));
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  afterwards(() => server.close());
  return { path, faults };
}

async function clientOf(service?: Partial<ManagerService>): Promise<ManagerClient> {
  const { path } = await served(service);
  const client = new ManagerClient(path);
  afterwards(() => client.close());
  return client;
}

describe('the recorded session', () => {
  test('gets the replies of osquery, byte for byte', async () => {
    // The recording of options.json is a part: the reply with all options is compared by the client's test.
    const starts = [...SENT_BY_MANAGER.toString('latin1').matchAll(/\x80\x01\x00\x02/g)].map(({ index }) => index);
    const replies = starts.map((start, i) => SENT_BY_MANAGER.subarray(start, starts[i + 1]));
    const { path } = await served();
    for (const [i, request] of SENT_TO_MANAGER.entries()) {
      if (decodeManagerRequest(request).method === 'options') continue;
      const peer = await Peer.connect(path);
      peer.socket.write(request);
      const reply = replies[i] ?? Buffer.alloc(0);
      expect((await peer.receives(reply.length)).equals(reply)).toBe(true);
    }
  });

  test('decodes the registration that was sent', () => {
    const [registration = Buffer.alloc(0)] = SENT_TO_MANAGER;
    expect(decodeManagerRequest(registration)).toMatchObject({
      method: 'registerExtension',
      info: { name: 'process_ancestry' },
      registry: REGISTRATION.registry,
    });
  });
});

describe('every method', () => {
  test('reaches the service with its arguments, and the client with its result', async () => {
    const client = await clientOf();
    expect(await client.extensions()).toEqual(SERVICE.extensions());
    expect(await client.options()).toEqual(SERVICE.options());
    expect(await client.query('SELECT 🌲')).toEqual({ status: status('OK'), rows: [{ sql: 'SELECT 🌲' }] });
    expect(await client.deregisterExtension('-7')).toEqual(status('OK', '-7'));
  });

  test('that fails is an exception, and the connection stays open', async () => {
    const client = await clientOf();
    await expect(client.getQueryColumns('SELECT 1')).rejects.toMatchObject({
      code: 'refused',
      message: expect.stringContaining('getQueryColumns: no columns'),
    });
    expect(client.connected).toBe(true);
    expect((await client.ping()).message).toBe('pong');
  });

  test('that the service does not have is an exception', async () => {
    const { path } = await served();
    const peer = await Peer.connect(path);
    peer.socket.write(encodeRequest('ping', 7).toString('latin1').replace('ping', 'pong'), 'latin1');
    const expected = encodeUnknownMethod('pong', 7);
    expect((await peer.receives(expected.length)).equals(expected)).toBe(true);
  });
});

test('requests that are sent at once are answered in order, also when the first takes longer', async () => {
  let finish = () => {};
  const waiting = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const query: ManagerService['query'] = async () => {
    await waiting;
    return { status: status('slow'), rows: [] };
  };
  const { path } = await served({ query });
  const peer = await Peer.connect(path);
  peer.socket.write(Buffer.concat([encodeManagerCall({ method: 'query', sql: 'x' }, 1), encodeRequest('ping', 2)]));
  finish();
  await until(() => peer.received.includes('pong'));
  expect(peer.received.indexOf('slow')).toBeLessThan(peer.received.indexOf('pong'));
});

test.each([
  ['is no Thrift', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
  ['announces 2 GB', Buffer.from('80010001000000047175657279000000017fffffff', 'hex')],
])('a peer whose message %s is reported and disconnected', async (_name, bytes) => {
  const { path, faults } = await served();
  const peer = await Peer.connect(path);
  peer.socket.write(bytes);
  await peer.isClosed();
  await until(() => faults.length === 1);
});

test('a peer that disconnects during a request is no error', async () => {
  const { path, faults } = await served();
  const peer = await Peer.connect(path);
  peer.socket.write(encodeRequest('ping', 1).subarray(0, 6));
  peer.socket.destroy();
  const other = await Peer.connect(path);
  other.socket.write(encodeRequest('ping', 1));
  await other.receives(1);
  expect(faults).toEqual([]);
});
