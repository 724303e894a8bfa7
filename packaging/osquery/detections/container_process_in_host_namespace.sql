-- Technique: T1611
-- Means: a process in the host's pid namespace with ancestors in a container: it escaped. (The number is the initial pid namespace, PROC_PID_INIT_INO in the kernel's proc_ns.h.)
-- Look at: the first ancestor in the host's namespace, and all its descendants (process_ancestry by ancestor_entity_id).
-- Known: containers that use the host's pid namespace by design (--pid=host, hostPID): exclude by container_id.
entry_type = 'container'
AND pid_namespace = 4026531836
AND NOT ({creator} IN {container_runtimes} AND {creator started by root})
AND NOT ({program} IN {container_runtimes} AND {proven program})
