-- Technique: T1105
-- Means: curl, wget, nc or a similar tool runs under a web or application server: a typical download of tools after a breach.
-- Look at: the address in cmdline, and later executions from cwd.
-- Known: applications that run curl or wget instead of using a library.
{program} IN {network_tools}
AND {under web_servers}
