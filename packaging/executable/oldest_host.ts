/**
 * The newest symbol versions in the C and C++ libraries of the oldest supported host: glibc 2.28 and the C++ library of GCC
 * 8 of RHEL 8. Node's own binaries need no newer ones (BUILDING.md of Node: "glibc >= 2.28, libstdc++ >= 6.0.25").
 */
export const BOUNDS = { GLIBC: '2.28', GLIBCXX: '3.4.25', CXXABI: '1.3.11', GCC: '7.0.0' } as const;
/** The compiler with this libstdc++ (gcc.gnu.org/onlinedocs/libstdc++/manual/abi.html). */
export const OLDEST_GCC = 8;
