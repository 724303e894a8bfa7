-- Technique: T1611
-- Means: a process whose ancestors lie in a container, in the host's own pid namespace: it got out. (The number is the initial namespace's, PROC_PID_INIT_INO in the kernel's proc_ns.h.)
-- Look at: the first ancestor that did it, and everything that this entity has started since (process_ancestry by ancestor_entity_id).
-- Known: containers that were given the host's pid namespace (--pid=host, hostPID) on purpose: exclude by container_id.
entry_type = 'container'
AND pid_namespace = 4026531836
AND NOT ({creator} IN {container_runtimes} AND {creator started by root})
AND NOT ({program} IN {container_runtimes} AND {proven program})
