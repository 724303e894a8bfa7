-- Technique: T1070.004
-- Means: an execution of a file that had no name any more.
-- Look at: the ancestors for who opened and removed it; /proc/PID/exe while it lives gives its bytes.
-- Known: daemons that execute themselves again after an upgrade (left out for systemd's executor).
path GLOB '* (deleted)'
AND path NOT GLOB '/memfd:*'
AND NOT (path GLOB '/usr/lib/systemd/*' AND ancestry->>'$[0].pid' = 1)
