import { describe, expect, test } from 'vitest';
import type { NativeAuditCleanup } from '../../../../src/collect/native.ts';
import { type CleanupHost, cleanUp, type RunningProgram } from '../../../../src/commands/cleanup/cleanup.ts';

const NOTHING: NativeAuditCleanup = { rulesRemoved: 0, settingsPutBack: false };

function hostWith(programs: readonly RunningProgram[], done = NOTHING): CleanupHost & { asked: string[] } {
  const asked: string[] = [];
  const native = {
    cleanUpAudit: (key: string, stateFile: string) => {
      asked.push(key, stateFile);
      return done;
    },
  };
  return { native, programs: () => programs, asked };
}

const recording = (executable: string): RunningProgram => ({
  pid: 7,
  executable,
  args: [executable, '--socket', '/var/osquery/osquery.em', '--timeout', '3', ''],
  hearsAudit: true,
});

describe('cleaning up after an extension that was killed', () => {
  test('says what it did, in one line', () => {
    const host = hostWith([], { rulesRemoved: 2, settingsPutBack: true });
    expect(cleanUp('/run/state', host)).toEqual({
      isClean: true,
      message: 'removed 2 audit rules, restored the original audit settings',
    });
    expect(host.asked).toEqual(['process_ancestry', '/run/state']);
    expect(cleanUp('/run/state', hostWith([]))).toEqual({ isClean: true, message: 'nothing was left in kernel audit' });
  });

  test.each(['/usr/lib/osquery-process-ancestry/process_ancestry.ext', '/opt/orbit/process_ancestry.ext (deleted)'])(
    'changes nothing while one runs: %s',
    (executable) => {
      const host = hostWith([recording('/usr/bin/true'), recording(executable)]);
      expect(cleanUp('/run/state', host)).toMatchObject({ isClean: false });
      expect(host.asked).toEqual([]);
    },
  );

  test('doctor, and an extension that replays a log, have no rules', () => {
    const executable = '/usr/lib/osquery-process-ancestry/process_ancestry.ext';
    const diagnosis = { pid: 8, executable, args: [executable, 'doctor', ''], hearsAudit: true };
    const host = hostWith([diagnosis, { ...recording(executable), hearsAudit: false }]);
    expect(cleanUp('', host).isClean).toBe(true);
  });

  test('a refusal of the kernel is reported with what to do, and with what was done before', () => {
    const problem = { code: 'audit_no_permission', detail: 'Operation not permitted' };
    const { isClean, message } = cleanUp('', hostWith([], { ...NOTHING, rulesRemoved: 1, problem }));
    expect(isClean).toBe(false);
    expect(message).toMatch(/^removed 1 audit rule; no permission for kernel audit: run as root/);
  });
});
