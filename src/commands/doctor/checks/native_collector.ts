/** Checks that the native collector can be loaded. Nothing is recorded without it. */
import type { Check } from '../check.ts';
import { ok, problem } from '../finding.ts';

/** Errors of glibc's dynamic linker and the kernel (glibc, elf/dl-load.c and elf/dl-version.c), with advice. */
const CURES: readonly (readonly [said: RegExp, advice: string])[] = [
  [/version `(GLIBC\w*)_/, 'use a host with glibc 2.28 or later; ldd --version prints the version'],
  [
    /^(?=.*noexec)/,
    'mount one of these directories without noexec (mount -o remount,exec /dev/shm), or make the directory of the ' +
      'executable writable for root',
  ],
  [
    /(\S+\.so\S*): cannot open shared object file/,
    'install the package with the named library (libgcc_s.so.1: libgcc-s1, libgcc)',
  ],
  [
    /wrong ELF class|invalid ELF header|cannot open shared object/,
    'install the package for this architecture (uname -m)',
  ],
];

export const nativeCollector: Check = {
  id: 'native_collector',
  title: 'native collector',
  run({ nativeError }) {
    if (nativeError === undefined) return [ok('can be loaded')];
    const [, advice] = CURES.find(([said]) => said.test(nativeError)) ?? [];
    return [problem(nativeError, advice ?? 'reinstall the package; if that does not help, report this line as a bug')];
  },
};
