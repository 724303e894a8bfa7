/**
 * The newest symbol versions of the C and C++ libraries that the oldest host to run on has: RHEL 9's, of GCC 11. Debian 12
 * and Ubuntu 22.04 have newer ones.
 */
export const BOUNDS = { GLIBC: '2.34', GLIBCXX: '3.4.29', CXXABI: '1.3.13', GCC: '7.0.0' } as const;

/** Node for arm64 still needs it; for x64 without_libatomic.ts takes it out. */
export const NEEDS_LIBATOMIC = process.arch !== 'x64';
