import { expect, test } from 'vitest';
import { nativeCollector } from '../../../../src/commands/doctor/checks/native_collector.ts';
import { found } from './healthy_host.ts';

/** Errors of the dynamic linker of glibc 2.36 for such files, and of Node for a noexec directory. */
const CASES: readonly (readonly [error: string, advice: RegExp])[] = [
  [
    "/lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.34' not found (required by /proc/self/fd/20)",
    /glibc 2\.28 or later/,
  ],
  ['libgcc_s.so.1: cannot open shared object file: No such file or directory', /package with the named library/],
  ['/opt/process_ancestry.node: wrong ELF class: ELFCLASS32', /for this architecture/],
  ['/opt/process_ancestry.node: invalid ELF header', /for this architecture/],
  [
    'one of these directories must be writable by this user and not mounted noexec (/run: /proc/self/fd/20: failed to ' +
      'map segment from shared object)',
    /remount,exec/,
  ],
  ['something else', /reinstall the package/],
];

test.each(CASES)('%s', async (error, advice) => {
  const [finding = '', ...others] = await found(nativeCollector, { host: { nativeError: error } });
  expect(others).toEqual([]);
  expect(finding).toContain(`problem: ${error} (`);
  expect(finding).toMatch(advice);
});

test('a native collector that can be loaded is well', async () => {
  expect(await found(nativeCollector)).toEqual(['ok: can be loaded']);
});
