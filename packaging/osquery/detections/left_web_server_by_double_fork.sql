-- Technique: T1505.003, T1564
-- Means: a process that a web server's child created, and that was adopted by another before it executed anything: ps and the column parent show the adoptive one (1, often), the ancestors show the server.
-- Look at: the process while it lives (pid, entity_id), its connections, and the nearest ancestors for the request that left it behind.
-- Known: applications that start daemons on request; the web server's own programs, as in an upgrade in place, are left out.
{under web_servers}
AND parent <> CAST(ancestry->>'$[0].pid' AS INTEGER)
AND NOT ({program} IN {web_servers} AND {proven program})
