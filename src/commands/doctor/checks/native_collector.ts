/** Whether the native part can be loaded: nothing is recorded without it. */
import type { Check } from '../check.ts';
import { ok, problem } from '../finding.ts';

/** What glibc's dynamic linker and the kernel say (glibc, elf/dl-load.c and elf/dl-version.c), with what to do. */
const CURES: readonly (readonly [said: RegExp, advice: string])[] = [
  [/version `(GLIBC\w*)_/, 'use a host with glibc 2.28 or later: ldd --version tells which one this host has'],
  [
    /^(?=.*noexec)/,
    'mount one of these directories without noexec (mount -o remount,exec /dev/shm), or make the directory of the ' +
      'executable writable for root',
  ],
  [
    /(\S+\.so\S*): cannot open shared object file/,
    'install the package that has the library which is named (libgcc_s.so.1: libgcc-s1, libgcc)',
  ],
  [
    /wrong ELF class|invalid ELF header|cannot open shared object/,
    'install the package for this machine: uname -m names it',
  ],
];

export const nativeCollector: Check = {
  id: 'native_collector',
  title: 'native collector',
  run({ nativeError }) {
    if (nativeError === undefined) return [ok('can be loaded')];
    const [, advice] = CURES.find(([said]) => said.test(nativeError)) ?? [];
    return [
      problem(nativeError, advice ?? 'install the package again; if that does not help, report it with this line'),
    ];
  },
};
