-- Technique: T1033, T1082, T1016, T1049
-- Means: four or more different discovery programs (id, whoami, uname, ps, ip, …) ran under one server process since the last run of this query. The row is the last of them; cmdline lists all.
-- Look at: all later executions under that server process.
-- Known: monitoring started by a server.
{program} IN {reconnaissance}
AND {under services}
GROUP BY {entity of nearest services}
HAVING count(DISTINCT {program}) >= 4
