-- Technique: T1033, T1082, T1016, T1049
-- Means: four or more different programs that look around (id, whoami, uname, ps, ip, …) under one server process within one run of this query. The row is the last of them; cmdline lists all.
-- Look at: all executions under that server process since.
-- Known: monitoring that a server starts.
{program} IN {reconnaissance}
AND {under services}
GROUP BY {entity of nearest services}
HAVING count(DISTINCT {program}) >= 4
