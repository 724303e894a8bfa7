/**
 * The newest symbol versions of the C and C++ libraries that the oldest host to run on has: RHEL 8's glibc 2.28, and its C++
 * library of GCC 8. Node's own binaries need no more (BUILDING.md of Node: "glibc >= 2.28, libstdc++ >= 6.0.25").
 */
export const BOUNDS = { GLIBC: '2.28', GLIBCXX: '3.4.25', CXXABI: '1.3.11', GCC: '7.0.0' } as const;
/** The compiler whose libstdc++ has these (gcc.gnu.org/onlinedocs/libstdc++/manual/abi.html). */
export const OLDEST_GCC = 8;
