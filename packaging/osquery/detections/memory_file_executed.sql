-- Technique: T1620
-- Means: an execution of a file that is only in memory (memfd), which leaves nothing on disk.
-- Look at: the ancestors for who loaded it; /proc/PID/exe while it lives gives its bytes.
-- Known: runc before 1.2 runs a copy of itself so (left out where a container runtime of root's started it).
path GLOB '/memfd:*'
AND NOT (path GLOB '/memfd:runc_cloned:*' AND {creator} IN {container_runtimes} AND {creator started by root})
