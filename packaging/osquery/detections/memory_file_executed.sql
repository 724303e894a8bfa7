-- Technique: T1620
-- Means: a file that exists only in memory (memfd) is executed; it leaves nothing on disk.
-- Look at: the ancestor that loaded it; its content is in /proc/PID/exe while the process runs.
-- Known: runc before 1.2 executes a copy of itself this way (excluded when root's container runtime started it).
path GLOB '/memfd:*'
AND NOT (path GLOB '/memfd:runc_cloned:*' AND {creator} IN {container_runtimes} AND {creator started by root})
