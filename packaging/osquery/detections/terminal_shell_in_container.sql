-- Technique: T1609, T1059.004
-- Means: a shell with a terminal begins in a container (docker exec -it, kubectl exec -it, a reverse shell that was given a terminal).
-- Look at: its descendants (process_ancestry by ancestor_entity_id); the runtime's or Kubernetes' audit log for who opened it.
-- Known: administrators who look into a container; containers that are meant for interactive work.
entry_type = 'container'
AND interactive = 1
AND path GLOB '*[hx3]'
AND {program} IN {shells}
AND {creator} NOT IN {shells}
