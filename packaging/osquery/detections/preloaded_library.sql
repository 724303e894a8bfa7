-- Technique: T1574.006
-- Means: a command sets LD_PRELOAD, LD_AUDIT or ld.so.preload, with a library in a directory that all users can write, or under a server.
-- Look at: the library; /etc/ld.so.preload.
-- Known: none seen; libraries such as jemalloc are below /usr and are set by units, not by commands of servers.
(cmdline GLOB '*LD_PRELOAD=*' OR cmdline GLOB '*LD_AUDIT=*' OR cmdline GLOB '*/etc/ld.so.preload*')
AND NOT ({program} IN ('grep', 'rg', 'less', 'cat', 'dpkg', 'ls', 'find') AND {proven program})
AND (cmdline GLOB '*LD_[PA]*=/tmp/*' OR cmdline GLOB '*LD_[PA]*=/var/tmp/*' OR cmdline GLOB '*LD_[PA]*=/dev/shm/*' OR cmdline GLOB '*>*/etc/ld.so.preload*' OR {under services})
