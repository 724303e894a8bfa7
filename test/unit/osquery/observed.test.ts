/** The reports of an extension to its observers: its registration, and the outcome of queries. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { AnswerReport } from '../../../src/osquery/answer_report.ts';
import { Extension } from '../../../src/osquery/extension.ts';
import { ExtensionClient } from '../../../src/osquery/extension_client.ts';
import { encodeCall } from '../../../src/osquery/request.ts';
import { FakeManager } from './fake_manager.ts';
import { afterwards, directory, Peer, until } from './sandbox.ts';
import { GENERATE, large, numbers } from './serving.ts';

function start(manager: FakeManager) {
  const reports: AnswerReport[] = [];
  const failing = {
    ...numbers(() => {
      throw new Error('no');
    }),
    name: 'failing',
  };
  const extension = new Extension({
    name: 'process_ancestry',
    version: '0.1.0',
    socketPath: manager.path,
    timeoutSeconds: 5,
    intervalSeconds: 0.05,
    plugins: [numbers(3), failing, { ...large(20_000), name: 'large' }],
    onAnswer: (report) => reports.push(report),
  });
  void extension.run();
  afterwards(() => extension.stop('test over'));
  const call = (table: string, request: Readonly<Record<string, string>> = GENERATE) =>
    new ExtensionClient(`${manager.path}.${extension.uuid}`).call('table', table, request);
  return { extension, reports, call };
}

const managed = () => new FakeManager(join(directory(), 'o.em')).listen();

test('it is registered, is not while osquery is away, and is again, and keeps its counts', async () => {
  const manager = await managed();
  const { extension, call } = start(manager);
  expect(extension.registration).toEqual({ registered: false, registrations: 0, lastSeenUnixMs: 0 });
  const began = Date.now();
  await until(() => extension.registration.registered);
  await call('numbers');
  const { requests } = extension.counts;
  expect(requests).toBeGreaterThan(0);
  const first = extension.registration.lastSeenUnixMs;
  expect(first).toBeGreaterThanOrEqual(began);
  await until(() => extension.registration.lastSeenUnixMs > first, 'seen again');
  await manager.die();
  await until(() => !extension.registration.registered, 'noticed');
  const away = extension.registration.lastSeenUnixMs;
  await manager.listen();
  await until(() => extension.registration.registered, 'registered again');
  expect(extension.registration).toMatchObject({ registrations: 2 });
  expect(extension.registration.lastSeenUnixMs).toBeGreaterThan(away);
  // Another socket, the same counts.
  expect(extension.counts.requests).toBeGreaterThanOrEqual(requests);
});

test('a query is counted once: as answered with its rows, as failed, or as abandoned', async () => {
  const manager = await managed();
  const { extension, reports, call } = start(manager);
  await until(() => extension.registration.registered);
  await call('numbers');
  await until(() => reports.length === 1);
  expect(reports).toEqual([
    { table: 'numbers', outcome: 'answered', rows: 3, bytes: expect.any(Number), milliseconds: expect.any(Number) },
  ]);
  expect(reports[0]?.bytes).toBeGreaterThan(50);
  await call('failing');
  await call('made up by a peer');
  await call('numbers', { action: 'columns' });
  expect(reports.slice(1)).toMatchObject([
    { table: 'failing', outcome: 'failed', rows: 0, bytes: 0 },
    { table: '', outcome: 'failed', rows: 0, bytes: 0 },
  ]);
  const peer = await Peer.connect(`${manager.path}.${extension.uuid}`);
  peer.socket.write(encodeCall(1, 'table', 'large', GENERATE));
  peer.socket.once('data', () => peer.socket.destroy());
  await until(() => reports.length === 4, 'the end of it');
  expect(reports[3]).toMatchObject({ table: 'large', outcome: 'abandoned' });
});
