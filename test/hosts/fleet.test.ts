/** packaging/fleet as a Fleet server would send it to osqueryd, with the extension. */
import { execFileSync } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type FleetConfig, readFleet } from '../fleet/fleet_config.ts';
import { hasYaml } from '../fleet/fleet_files.ts';
import { FleetServer } from '../fleet/fleet_server.ts';
import { OsquerydClient } from '../fleet/osqueryd_client.ts';
import { canRecord, ExtensionUnderTest, until } from '../integration/extension_under_test.ts';

const SECRET = 'a secret of this test';
const LOADED = 'Process ancestry is recorded';
const LOSES_NOTHING = 'Process ancestry loses nothing';
const EXECS = 'pack/team-1/process_ancestry_execs';
const NAMES_A_READER = /\bsubscriber\s*=\s*'([^']*)'/;

let extension: ExtensionUnderTest | undefined;
let server: FleetServer;
let osqueryd: OsquerydClient;

/** A host whose osqueryd has enrolled, with the extension loaded. */
async function host(flags: string[], recording: boolean): Promise<void> {
  server = new FleetServer(readFleet('fleets/linux-servers.yml', { LINUX_SERVERS_ENROLL_SECRET: SECRET }));
  const url = await server.listen();
  extension = await ExtensionUnderTest.start(flags, { recording });
  osqueryd = new OsquerydClient(extension.manager, url, server.certificate);
  await osqueryd.enroll(SECRET);
  await osqueryd.refresh();
}
const replayed = () => host(['--collector', 'replay', '--replay-file', ':sample:'], false);
const capacity = async () => (await extension?.stats())?.cache_capacity;
const columnsOf = (name: string) =>
  server.logged.filter((line) => line.name === name).map(({ columns }) => columns as Record<string, string>);
const withAgentConfig = (config: Partial<FleetConfig['agentConfig']>): FleetConfig => ({
  ...server.config,
  agentConfig: { ...server.config.agentConfig, ...config },
});

describe.skipIf(!hasYaml())('a host that Fleet manages', () => {
  afterEach(async () => {
    await extension?.stop();
    extension = undefined;
    await server.close();
  });

  describe('with recorded events', () => {
    beforeEach(replayed);

    test('enrolls, on either spelling of the path, and not with a wrong secret or a key that Fleet has forgotten', async () => {
      await osqueryd.enroll(SECRET, '/api/v1/osquery');
      await osqueryd.refresh();
      await expect(osqueryd.enroll('another')).rejects.toThrow('refused');
      server.forgetHost();
      await expect(osqueryd.refresh()).rejects.toThrow('node_invalid');
      await osqueryd.enroll(SECRET);
      await osqueryd.refresh();
    });

    test('is in the label and passes the policies as long as the extension is loaded and loses nothing', async () => {
      await osqueryd.distributed();
      expect([...server.labels]).toEqual(['Process ancestry']);
      expect(Object.fromEntries(server.policies)).toMatchObject({ [LOADED]: true, [LOSES_NOTHING]: true });
      extension?.child.kill('SIGTERM');
      await until('gone', () => extension?.uuid === undefined && extension?.exited);
      await osqueryd.distributed();
      expect([...server.labels]).toEqual([]);
      // Without the table its state is unknown.
      expect(Object.fromEntries(server.policies)).toMatchObject({ [LOADED]: false, [LOSES_NOTHING]: undefined });
    });

    test('logs every row of its stream once, over intervals, and a report of the health at each', async () => {
      const { schedule } = osqueryd;
      expect(schedule.get(EXECS)).toMatchObject({ snapshot: false, removed: false });
      const all = (await extension?.generate('process_ancestry_events', {}, ['eid'])) ?? [];
      expect(all.length).toBeGreaterThan(10);
      for (let interval = 0; interval < 3; interval++) {
        await osqueryd.runSchedule();
        await osqueryd.flush();
        await extension?.nextStatement();
      }
      expect(columnsOf(EXECS).map(({ eid }) => eid)).toEqual(all.map(({ eid }) => eid));
      const health = server.logged.filter(({ name }) => name === 'pack/team-1/process_ancestry_health');
      expect(health.map(({ action }) => action)).toEqual(['snapshot', 'snapshot', 'snapshot']);
      expect(health[0]?.snapshot).toMatchObject([{ collector: 'replay', events_lost: '0' }]);
      const readers = server.logged.findLast(({ name }) => name === 'pack/team-1/process_ancestry_readers');
      const caughtUp = { name: 'fleet:execs', lag_rows: '0', lost_rows: '0' };
      expect(readers?.snapshot).toContainEqual(expect.objectContaining(caughtUp));
    });

    test('a live query does not take rows from the stream', async () => {
      const sql = 'SELECT eid, cmdline FROM process_ancestry_events';
      server.live.set('7', { query: `${sql};` });
      server.live.set('8', { query: 'SELECT absent FROM process_ancestry_events' });
      await osqueryd.distributed();
      expect(server.live.get('7')?.rows?.length).toBeGreaterThan(10);
      expect(server.live.get('8')?.message).toContain('no such column: absent');
      await osqueryd.runSchedule();
      await osqueryd.flush();
      expect(columnsOf(EXECS)).toHaveLength(server.live.get('7')?.rows?.length ?? -1);
    });

    test('takes flags from the view in the agent options, and new ones when these change', async () => {
      await until('as the view says', async () => (await capacity()) === '2000');
      server.config = withAgentConfig({
        views: { process_ancestry_flags: 'SELECT 3000 AS process_ancestry_cache_size' },
      });
      await osqueryd.refresh();
      await until('as it says now', async () => (await capacity()) === '3000');
    });

    test('with the canary label it has the canary’s flags', async () => {
      const name = 'pack/team-1/process_ancestry_flags';
      expect(osqueryd.schedule.has(name)).toBe(false);
      server.labels.add('Process ancestry canary');
      await osqueryd.refresh();
      expect(osqueryd.schedule.has(name)).toBe(true);
      await until('as the report says', async () => (await capacity()) === '4000');
      await osqueryd.runSchedule();
      await osqueryd.flush();
      const told = server.logged.find((line) => line.name === name)?.snapshot;
      expect(told).toEqual([{ process_ancestry_cache_size: '4000', process_ancestry_events_max: '100000' }]);
    });

    test('every query of the fleet runs, and only scheduled ones name a subscriber', async () => {
      const { reports, policies, dynamicLabels } = server.config;
      const other = /no such table: (?!process_ancestry)/;
      for (const { name, query } of [...reports, ...policies, ...dynamicLabels]) {
        const failed = await extension?.manager.query(query).catch(({ message }: Error) => message);
        // The embedded manager has few of osquery's own tables.
        if (typeof failed === 'string') expect(failed, name).toMatch(other);
      }
      const readers = reports.filter(({ query }) => NAMES_A_READER.test(query));
      const subscribers = readers.flatMap(({ query }) => NAMES_A_READER.exec(query)?.[1] ?? []);
      expect(subscribers).toContain('fleet:execs');
      expect(subscribers.every((name) => name.startsWith('fleet:'))).toBe(true);
      expect(new Set(subscribers).size).toBe(subscribers.length);
      // A report keeps only the last part of a stream, and a live run takes rows from it.
      for (const report of readers) expect(report).toMatchObject({ discardData: true, observerCanRun: false });
      for (const { query } of [...policies, ...dynamicLabels]) expect(query).not.toMatch(NAMES_A_READER);
    });
  });

  test.skipIf(!canRecord())('an exec on it arrives in Fleet’s log, once, with what started it', async () => {
    await host([], true);
    execFileSync('/bin/sh', ['-c', '/bin/true of-the-fleet; :']);
    await extension?.settled();
    for (let interval = 0; interval < 2; interval++) {
      await osqueryd.runSchedule();
      await osqueryd.flush();
      await extension?.nextStatement();
    }
    const arrived = columnsOf(EXECS).filter(({ cmdline }) => cmdline === '/bin/true of-the-fleet');
    expect(arrived).toHaveLength(1);
    const [shell, test] = JSON.parse(arrived[0]?.ancestry ?? '[]') as { cmdline: string; pid: number }[];
    expect(shell?.cmdline).toBe('/bin/sh -c /bin/true of-the-fleet; :');
    expect(test?.pid).toBe(process.pid);
    expect(arrived[0]).toMatchObject({ ancestry_complete: '1' });
    await osqueryd.distributed();
    expect(Object.fromEntries(server.policies)).toMatchObject({ [LOADED]: true, [LOSES_NOTHING]: true });
  });
});
