-- Technique: T1059, T1564
-- Means: a program or script from /dev/shm is executed: a directory in memory that all users can write and that no package uses for programs.
-- Look at: the file (it may be gone) and who wrote it.
-- Known: none seen.
(path GLOB '/dev/shm/*'
  OR ({program} IN {shells_and_interpreters} AND (args->>1 GLOB '/dev/shm/*' OR cmdline GLOB '*sh -c /dev/shm/*' OR (args->>1 GLOB '[^-/]*' AND cwd || '/' GLOB '/dev/shm/*'))))
