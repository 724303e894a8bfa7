/** Every exec seen, every chain right: the forest on Debian's kernels, by each sensor that they allow. */
import { beforeAll, describe, expect, test } from 'vitest';
import { makeArm64Executable } from '../hosts/arm64_executable.ts';
import { compare, truthOf, wrongSessions } from '../integration/forest.ts';
import { type GuestOptions, hasEmulator, recordInGuest } from './guest.ts';

const ROUNDS = 4;
const EXECS_A_ROUND = 136;
/** No program may read the kernel's memory, so eBPF cannot read processes. */
const LOCKED_DOWN = ['lockdown=confidentiality'];

async function expectAllRight(options: Omit<GuestOptions, 'rounds'>, kernel: string, sensor: string): Promise<void> {
  const recorded = await recordInGuest({ ...options, rounds: ROUNDS });
  const { forest, reached, rows, stats } = recorded;
  try {
    const times = Object.entries(reached).map(([what, seconds]) => `${what} ${seconds.toFixed(1)} s`);
    console.log(`${recorded.kernel}, ${stats.collector}: ${times.join(', ')}; ${forest.summary}`);
    const comparison = compare(
      forest,
      rows.filter(({ action }) => action === 'exec'),
    );
    expect(comparison.right_percent, comparison.complaints).toBe(100);
    // Another process of the guest may take the pid for a reuse: then the program skips that exec.
    expect(comparison.execs).toBeGreaterThan(ROUNDS * EXECS_A_ROUND * 0.9);
    expect(comparison).toMatchObject({ seen_percent: 100, doubled: 0 });
    const { wrong, ended } = wrongSessions(truthOf(forest), rows);
    expect(wrong).toEqual({});
    expect(ended).toBeGreaterThan(ROUNDS * EXECS_A_ROUND * 0.3);
    expect(recorded.kernel).toMatch(new RegExp(`^${kernel}\\.`));
    expect(stats).toMatchObject({
      collector: sensor,
      kernel_lost: '0',
      events_lost: '0',
      details_missing: '0',
      malformed: '0',
      incomplete: '0',
    });
  } finally {
    forest.remove();
  }
}

describe.skipIf(!process.env.CI && !hasEmulator('x64'))('the forest on x64', () => {
  test.each([
    ['5.10', 'bullseye', []],
    ['6.1', 'bookworm', LOCKED_DOWN],
    ['6.12', 'trixie', LOCKED_DOWN],
  ])('%s, which allows audit and the connector alone', async (kernel, release, parameters) => {
    await expectAllRight({ architecture: 'x64', release, collector: 'auto', parameters }, kernel, 'audit+proc_events');
  });

  test.each([
    ['6.1', 'bookworm'],
    ['6.12', 'trixie'],
  ])('%s, by eBPF', async (kernel, release) => {
    await expectAllRight({ architecture: 'x64', release, collector: 'ebpf' }, kernel, 'ebpf');
  });
});

describe.skipIf(!process.env.CI && !hasEmulator('arm64'))('the forest on arm64', () => {
  beforeAll(makeArm64Executable);

  test('6.1, which allows audit and the connector alone', async () => {
    const guest = { release: 'bookworm', collector: 'auto', parameters: LOCKED_DOWN };
    await expectAllRight({ architecture: 'arm64', ...guest }, '6.1', 'audit+proc_events');
  });

  test('6.1, by eBPF', async () => {
    await expectAllRight({ architecture: 'arm64', release: 'bookworm', collector: 'ebpf' }, '6.1', 'ebpf');
  });
});
