-- Technique: T1105
-- Means: curl, wget, nc or a similar tool runs under a database, mail, name, file or other server that is no web server.
-- Look at: the address in cmdline, and later executions from cwd.
-- Known: backup and replication by such tools: allow by the path of the backup program.
{program} IN {network_tools}
AND ({under databases} OR {under other_servers})
