/** The same processes in two recordings of one boot, on the real kernel. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { auditSettings, canRecord, ExtensionUnderTest, type Row } from './extension_under_test.ts';

/** About one in twenty starts so close to a tick that the event does not determine the tick. */
const SHELLS = 100;

interface EcsDocument {
  readonly process: EcsPart & { readonly parent: EcsPart };
}
interface EcsPart {
  readonly entity_id: string;
  readonly start: string;
}
interface Ancestor {
  readonly entity_id: string;
  readonly proc_time: number;
  readonly proc_time_hr: number;
}

describe.skipIf(!canRecord())('two recordings of one boot', () => {
  const shells: ChildProcess[] = [];
  let extension: ExtensionUnderTest | undefined;
  let before: ReturnType<typeof auditSettings>;
  beforeEach(() => {
    before = auditSettings();
  });
  afterEach(async () => {
    for (const shell of shells.splice(0)) shell.kill('SIGKILL');
    await extension?.stop();
    expect(auditSettings()).toEqual(before);
  });

  /** A shell that executes a program for each line of its input. */
  async function startShell(): Promise<void> {
    const shell = spawn('/bin/sh', ['-c', 'echo; while read name; do /bin/true "$name"; echo; done'], {
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    shells.push(shell);
    await once(shell.stdout as Readable, 'data');
  }

  async function runInEach(name: string): Promise<void> {
    for (const shell of shells) {
      shell.stdin?.write(`${name}\n`);
      await once(shell.stdout as Readable, 'data');
    }
  }

  /** Starts of the shells in every column with a start, by entity id. */
  async function startsIn(recording: ExtensionUnderTest, name: string): Promise<Map<string, object>> {
    await recording.settled();
    const starts = new Map<string, object>();
    const tree = new Map<string, Row>();
    for (const row of await recording.generate('process_ancestry_tree')) tree.set(row.entity_id ?? '', row);
    const cmdline = { cmdline: [{ op: 2, expr: `/bin/true ${name}` }] };
    for (const row of await recording.generate('process_ancestry_events', cmdline, ['ancestry', 'ecs'])) {
      const [shell] = JSON.parse(row.ancestry ?? '[]') as Ancestor[];
      if (!shell) throw new Error(`no ancestor: ${row.ancestry}`);
      const { entity_id, proc_time, proc_time_hr } = shell;
      const { parent } = (JSON.parse(row.ecs ?? '{}') as EcsDocument).process;
      expect(parent.entity_id).toBe(entity_id);
      expect(Date.parse(parent.start)).toBe(proc_time_hr * 10);
      expect(tree.get(entity_id)?.start_time).toBe(String(proc_time));
      starts.set(entity_id, { proc_time, proc_time_hr });
    }
    return starts;
  }

  test('give a process one entity id and one start, whether its fork was seen or it was met in /proc', async () => {
    const recordings: Map<string, object>[] = [];
    for (const name of ['first', 'second']) {
      extension = await ExtensionUnderTest.start();
      while (shells.length < SHELLS) await startShell();
      await runInEach(name);
      recordings.push(await startsIn(extension, name));
      await extension.stop();
      extension = undefined;
    }
    const [first = new Map(), second = new Map()] = recordings;
    expect(first.size).toBe(SHELLS);
    expect(second).toEqual(first);
  });
});
