/** Sessions, groups, exits and entry points, on the forest and on real programs. */
import { execFileSync } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { complaintsOfText } from '../unit/ecs/fields_check.ts';
import { auditSettings, canRecord, ExtensionUnderTest } from './extension_under_test.ts';
import { runForest, truthOf, wrongSessions } from './forest.ts';

describe.skipIf(!canRecord())('sessions', () => {
  let extension: ExtensionUnderTest | undefined;
  let before: ReturnType<typeof auditSettings>;
  beforeEach(() => {
    before = auditSettings();
  });
  afterEach(async () => {
    await extension?.stop();
    extension = undefined;
    expect(auditSettings()).toEqual(before);
  });

  test('forest, 20 rounds by two workers: session, group and exit code of every exec are right, and every document is ECS', async () => {
    extension = await ExtensionUnderTest.start(['--events-actions', 'exec,exit', '--events-max', '100000']);
    const forest = await runForest({ rounds: 20, jobs: 2 });
    await extension.settled();
    const truth = truthOf(forest);
    forest.remove();
    const columns = ['cmdline', 'action', 'sid', 'pgid', 'exit_code', 'entity_id', 'pid', 'ecs'];
    const rows: Record<string, string>[] = [];
    for (;;) {
      const portion = await extension.generate(
        'process_ancestry_events',
        { subscriber: [{ op: 2, expr: 'all' }] },
        columns,
      );
      rows.push(...portion);
      // Other processes of the machine go on.
      if (portion.length < 100) break;
      await extension.nextStatement();
    }
    const { wrong, checked, ended } = wrongSessions(truth, rows);
    const complaints = rows.flatMap(({ ecs = '' }) => complaintsOfText(ecs)).slice(0, 10);
    console.log(`${checked} execs, ${ended} exits, ${rows.length} documents`);
    expect(wrong).toEqual({});
    expect(complaints).toEqual([]);
    expect(checked).toBe(truth.length);
    expect(ended).toBeGreaterThan(1000);
  });

  test.each([
    ['each by itself', '0'],
    ['merged', '200'],
  ])('forest, all that happens, %s: every document of every program is ECS', async (_, aggregateMs) => {
    const actions = 'exec,fork,setsid,exit,existing';
    const more = ['--aggregate-ms', aggregateMs, '--hash', '--events-max', '100000', '--cache-size', '20000'];
    extension = await ExtensionUnderTest.start(['--events-actions', actions, ...more]);
    const forest = await runForest({ rounds: 2, jobs: 2 });
    await extension.settled();
    const truth = truthOf(forest);
    forest.remove();
    const rows = await extension.generate('process_ancestry_events', {}, ['cmdline', 'action', 'ecs']);
    const found = rows.flatMap(({ action, cmdline, ecs = '' }) =>
      complaintsOfText(ecs).map((complaint) => `${action} of ${cmdline}: ${complaint}`),
    );
    expect(found.slice(0, 10)).toEqual([]);
    const told = new Set(rows.flatMap(({ action = '' }) => action.split(',')));
    expect(told).toEqual(new Set(actions.split(',')));
    const words = new Set(rows.flatMap(({ ecs = '' }) => (JSON.parse(ecs).process.args ?? []) as string[]));
    expect(truth.filter(({ token }) => !words.has(token)).map(({ program }) => program)).toEqual([]);
  });

  test('all processes of a job are in its group, also those that ended before the record of their joining was read', async () => {
    extension = await ExtensionUnderTest.start();
    // As in dash and posix_spawn: a joining process passes pid 0. (bash passes its own pid.)
    const script = `for my $i (1..100) {
      my $first = fork // die; if (!$first) { setpgrp 0, 0; exec '/bin/true', 'job', $i, 'first' }
      setpgrp $first, $first;
      my $second = fork // die; if (!$second) { setpgrp 0, $first; exec '/bin/true', 'job', $i, 'second' }
      waitpid $_, 0 for $second, $first;
    }`;
    extension.child.kill('SIGSTOP');
    try {
      execFileSync('perl', ['-e', script]);
    } finally {
      extension.child.kill('SIGCONT');
    }
    await extension.settled();
    const columns = ['cmdline', 'pid', 'pgid', 'group_leader'];
    const rows = await extension.generate('process_ancestry_events', {}, columns);
    const rowOf = (cmdline: string) => rows.find((row) => row.cmdline === cmdline) ?? {};
    for (let i = 1; i <= 100; i++) {
      const [first, second] = [rowOf(`/bin/true job ${i} first`), rowOf(`/bin/true job ${i} second`)];
      expect(first).toMatchObject({ pgid: first.pid });
      expect(second).toMatchObject({ pgid: first.pid });
      expect(JSON.parse(second.group_leader ?? '')).toMatchObject({ pid: Number(first.pid), same_as_process: false });
    }
  });
});
