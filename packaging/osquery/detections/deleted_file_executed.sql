-- Technique: T1070.004
-- Means: a deleted file is executed.
-- Look at: the ancestor that opened and deleted the file; its content is in /proc/PID/exe while the process runs.
-- Known: daemons that re-execute themselves after an upgrade (systemd's executor is excluded).
path GLOB '* (deleted)'
AND path NOT GLOB '/memfd:*'
AND NOT (path GLOB '/usr/lib/systemd/*' AND ancestry->>'$[0].pid' = 1)
