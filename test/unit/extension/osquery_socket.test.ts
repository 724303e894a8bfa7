import { mkdtempSync, renameSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { osquerySocket } from '../../../src/extension/osquery_socket.ts';

let directory = '';
const servers: Server[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'pa-places-'));
});
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
  rmSync(directory, { recursive: true, force: true });
});

const at = (name: string) => join(directory, name);
async function listen(path: string): Promise<void> {
  const server = createServer();
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(path, resolve));
}

/** As after the crash of a process: the file was moved, so that closing did not remove it. */
async function leave(path: string): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(`${path}.tmp`, resolve));
  renameSync(`${path}.tmp`, path);
  await new Promise((resolve) => server.close(resolve));
}

test('a socket that a killed osqueryd left does not hide the one of Orbit', async () => {
  await leave(at('osquery.em'));
  await listen(at('orbit.em'));
  expect(await osquerySocket([at('osquery.em'), at('orbit.em')])).toBe(at('orbit.em'));
});

test('when both listen it is osqueryd’s own', async () => {
  await listen(at('osquery.em'));
  await listen(at('orbit.em'));
  expect(await osquerySocket([at('osquery.em'), at('orbit.em')])).toBe(at('osquery.em'));
});

test('where no process listens it is the socket that exists, otherwise osqueryd’s own path', async () => {
  expect(await osquerySocket([at('osquery.em'), at('orbit.em')])).toBe(at('osquery.em'));
  await leave(at('orbit.em'));
  expect(await osquerySocket([at('osquery.em'), at('orbit.em')])).toBe(at('orbit.em'));
});
