-- Technique: T1068, T1574.006
-- Means: a command sets GLIBC_TUNABLES, as exploits of the dynamic loader do (CVE-2023-4911). Only a command line shows it, not an environment that a program passes on.
-- Look at: the program that it starts: is it setuid (su, sudo, passwd)?
-- Known: tuning of an allocator in a start script.
cmdline GLOB '*GLIBC_TUNABLES=glibc.*'
AND NOT ({program} IN ('grep', 'less', 'cat') AND {proven program})
