/** The metrics server and hostile clients: each loses only its own connection, and scrapes are answered. */
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createConnection, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ListenAddress } from '../../../src/config/listen_address.ts';
import { MetricsServer, type MetricsServerOptions } from '../../../src/metrics/metrics_server.ts';
import { afterwards, directory, until } from '../osquery/sandbox.ts';

type Address = MetricsServerOptions['address'];

async function serve(address: Address, more: Partial<MetricsServerOptions> = {}): Promise<MetricsServer> {
  const server = await MetricsServer.listen({
    address,
    metrics: async (format) => `text of ${format}\n`,
    health: () => ({ healthy: false, text: 'nothing is recorded\n' }),
    onError: () => undefined,
    ...more,
  });
  afterwards(() => server.close());
  return server;
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

async function onPort(more: Partial<MetricsServerOptions> = {}) {
  const port = await freePort();
  const server = await serve({ kind: 'tcp', host: '127.0.0.1', port }, more);
  return { server, port, url: `http://127.0.0.1:${port}` };
}

/** A connection and the received data. */
class Client {
  readonly socket: Socket;
  received = '';
  closed = false;

  constructor(to: { port: number; host: string } | { path: string }) {
    this.socket = createConnection(to);
    this.socket.setEncoding('utf8');
    this.socket.on('data', (text: string) => {
      this.received += text;
    });
    this.socket.on('error', () => undefined);
    this.socket.on('close', () => {
      this.closed = true;
    });
    afterwards(() => this.socket.destroy());
  }

  async ends(): Promise<string> {
    await until(() => this.closed, 'the end of the connection');
    return this.received;
  }
}

const raw = (port: number, text = '') => {
  const client = new Client({ port, host: '127.0.0.1' });
  client.socket.write(text);
  return client;
};
const REQUEST = 'GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n';

describe('the server answers', () => {
  test('/metrics in the requested format, /healthz, and nothing else', async () => {
    const { url } = await onPort();
    const plain = await fetch(`${url}/metrics`);
    expect(plain.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(await plain.text()).toBe('text of text\n');
    const open = await fetch(`${url}/metrics?x=1`, { headers: { Accept: 'application/openmetrics-text' } });
    expect(open.headers.get('content-type')).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8');
    expect(await open.text()).toBe('text of openmetrics\n');
    const health = await fetch(`${url}/healthz`);
    expect([health.status, await health.text()]).toEqual([503, 'nothing is recorded\n']);
    const head = await fetch(`${url}/metrics`, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([200, '13', '']);
    for (const path of ['/', '/metrics/', '/metrics/../etc/passwd', '/METRICS']) {
      expect((await fetch(url + path)).status, path).toBe(404);
    }
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
      expect((await fetch(`${url}/metrics`, { method })).status, method).toBe(405);
    }
  });

  test('not a page of another host that has its own name for this one', async () => {
    const { port } = await onPort();
    const answer = await raw(port, 'GET /metrics HTTP/1.1\r\nHost: evil.example.org\r\n\r\n').ends();
    expect(answer).toMatch(/^HTTP\/1.1 421 /);
    expect(answer).not.toContain('text of');
  });

  test('with an error if the metrics fail, and then answers the next request', async () => {
    let fails = true;
    const { url } = await onPort({ metrics: async () => (fails ? Promise.reject(new Error('no way')) : 'well\n') });
    const failed = await fetch(`${url}/metrics`);
    expect([failed.status, await failed.text()]).toEqual([500, 'no way\n']);
    fails = false;
    expect(await (await fetch(`${url}/metrics`)).text()).toBe('well\n');
  });
});

describe('a hostile client', () => {
  test('that holds many connections open does not keep others out', async () => {
    const { port, url } = await onPort();
    const idle = Array.from({ length: 100 }, () => raw(port, 'GET /met'));
    await until(() => idle.filter(({ closed }) => closed).length >= 84, 'room');
    expect((await fetch(`${url}/metrics`)).status).toBe(200);
    expect(idle.filter(({ closed }) => !closed).length).toBeLessThanOrEqual(16);
  });

  test('that sends a byte now and then is cut off', async () => {
    const { port } = await onPort({ patienceMs: 300 });
    const slow = raw(port, 'GET /metrics HTTP/1.1\r\n');
    const drip = setInterval(() => slow.socket.write('X: y\r\n'), 50);
    afterwards(() => clearInterval(drip));
    expect(await slow.ends()).not.toContain('200');
  });

  test('that does not take its answer is cut off', async () => {
    const { server, port } = await onPort({ patienceMs: 300, metrics: async () => 'x'.repeat(20_000_000) });
    const deaf = raw(port, REQUEST);
    await until(() => deaf.received.length > 0);
    deaf.socket.pause();
    await until(() => server.connections === 0, 'the cut');
    deaf.socket.resume();
    await deaf.ends();
    expect(deaf.received.length).toBeLessThan(20_000_000);
  });

  test('that sends headers without end is cut off', async () => {
    const { port } = await onPort();
    const client = raw(port, `GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ${'x'.repeat(100_000)}`);
    expect(await client.ends()).not.toContain('text of');
  });

  test('that does not send HTTP is cut off', async () => {
    const { port } = await onPort();
    await raw(port, '\x16\x03\x01\x02\x00\x01\x00').ends();
    await raw(port, 'CONNECT example.org:443 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n').ends();
  });

  test('that asks a thousand times at once is answered once', async () => {
    const { port } = await onPort();
    const answer = await raw(port, REQUEST.repeat(1000)).ends();
    expect(answer.match(/text of text/g)).toHaveLength(1);
  });

  test('whose body has no end is not read', async () => {
    const { port } = await onPort();
    const client = raw(port, 'POST /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000000000\r\n\r\n');
    const more = setInterval(() => client.socket.write('x'.repeat(100_000)), 5);
    afterwards(() => clearInterval(more));
    await client.ends();
    expect(client.socket.bytesWritten).toBeLessThan(50_000_000);
  });
});

describe('a unix socket', () => {
  const unix = (path: string): Exclude<ListenAddress, { kind: 'off' }> => ({ kind: 'unix', path });

  test('is only for its owner, or also for a group; its folder is made; any Host is accepted', async () => {
    const folder = directory();
    const path = join(folder, 'made', 'metrics.sock');
    const server = await serve(unix(path));
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(join(folder, 'made')).mode & 0o777).toBe(0o755);
    const client = new Client({ path });
    client.socket.write('GET /metrics HTTP/1.1\r\nHost: localhost.invalid\r\n\r\n');
    expect(await client.ends()).toContain('text of text');
    server.close();
    expect(existsSync(path)).toBe(false);
    const groupId = process.getgid?.() ?? 0;
    await serve(unix(path), { groupId });
    expect(statSync(path)).toMatchObject({ gid: groupId });
    expect(statSync(path).mode & 0o777).toBe(0o660);
  });

  test('in use is left alone, and so is another file', async () => {
    const folder = directory();
    const path = join(folder, 'metrics.sock');
    await serve(unix(path));
    await expect(serve(unix(path))).rejects.toThrow(`${path} is in use`);
    const file = join(folder, 'file');
    writeFileSync(file, 'precious');
    await expect(serve(unix(file))).rejects.toThrow(`${file} is not a socket`);
    expect(readFileSync(file, 'utf8')).toBe('precious');
    symlinkSync(path, join(folder, 'link'));
    await expect(serve(unix(join(folder, 'link')))).rejects.toThrow('is not a socket');
    expect(lstatSync(join(folder, 'link')).isSymbolicLink()).toBe(true);
  });

  test('in a folder that others can write is not made, nor a folder in it', async () => {
    const folder = directory();
    chmodSync(folder, 0o777);
    await expect(serve(unix(join(folder, 'metrics.sock')))).rejects.toThrow(
      `other users can write ${folder}: chmod go-w`,
    );
    await expect(serve(unix(join(folder, 'new', 'metrics.sock')))).rejects.toThrow('other users can write');
    expect(existsSync(join(folder, 'new'))).toBe(false);
    chmodSync(folder, 0o755);
    mkdirSync(join(folder, 'group'));
    chmodSync(join(folder, 'group'), 0o775);
    await expect(serve(unix(join(folder, 'group', 'metrics.sock')))).rejects.toThrow('other users can write');
    symlinkSync(join(folder, 'group'), join(folder, 'link'));
    await expect(serve(unix(join(folder, 'link', 'metrics.sock')))).rejects.toThrow(
      `other users can write ${folder}/group`,
    );
  });
});

test('a port that is in use is an error that says so', async () => {
  const { port } = await onPort();
  await expect(serve({ kind: 'tcp', host: '127.0.0.1', port })).rejects.toThrow('EADDRINUSE');
});
