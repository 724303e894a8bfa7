-- Technique: T1505.003, T1564
-- Means: a child of a web server created a process that was adopted by another process before its first exec. ps and the column parent show the adoptive parent (often 1); the ancestors show the server.
-- Look at: the process while it runs (pid, entity_id), its connections, and the nearest ancestors for the request that created it.
-- Known: applications that start daemons on request; the web server's own programs, such as an in-place upgrade, are excluded.
parent <> CAST(ancestry->>'$[0].pid' AS INTEGER)
AND NOT ({program} IN {web_servers} AND {proven program})
AND {under web_servers}
