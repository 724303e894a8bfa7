import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const root = fileURLToPath(new URL('..', import.meta.url));
/** Only a safety net: no test may depend on how soon something happens. */
const LIMITS = { testTimeout: 600_000, hookTimeout: 600_000, expect: { poll: { timeout: 120_000 } } };

export default defineConfig({
  test: {
    // Many tests wait for sockets and processes rather than compute.
    maxWorkers: 4,
    projects: [
      { root, test: { name: 'unit', include: ['test/unit/**/*.test.ts'], ...LIMITS } },
      // Audit is one for the whole machine: one extension at a time.
      {
        root,
        test: { name: 'integration', include: ['test/integration/**/*.test.ts'], fileParallelism: false, ...LIMITS },
      },
      // Where there is a stock osqueryd.
      { root, test: { name: 'osquery', include: ['test/osquery/**/*.test.ts'], fileParallelism: false, ...LIMITS } },
      // What is about other hosts than this one, and slow.
      {
        root,
        test: {
          name: 'hosts',
          include: ['test/hosts/**/*.test.ts', 'test/kernels/**/*.test.ts'],
          fileParallelism: false,
          ...LIMITS,
        },
      },
    ],
  },
});
