-- Technique: T1105
-- Means: curl, wget, nc or the like under a web server or application server: what loads further tools after a breach.
-- Look at: the address in cmdline, and what was executed next from cwd.
-- Known: applications that call curl or wget as programs rather than by a library.
{program} IN {network_tools}
AND {under web_servers}
