-- Technique: T1190, T1105, T1033
-- Means: an application as a service runs a network or discovery tool (curl, nc, id, whoami, uname, …), directly or by a shell that it creates.
-- Look at: the application's log at that time, and its later executions.
-- Known: applications that ask the system by programs (hostname, df) or download by curl: allow by uid and exact cmdline. Builds in containers.
interactive = 0
AND ({program} IN {network_tools} OR {program} IN ('id', 'whoami', 'uname', 'ifconfig', 'netstat', 'nslookup', 'dig', 'ping', 'base', 'crontab', 'getent'))
AND ({application as creator}
  OR (entry_type IN ('init', 'container') AND {creator} IN {shells} AND ifnull(cgroup_path, '') NOT GLOB '/user.slice/*' AND parent_euid = euid
    AND (entry_type = 'container' OR euid <> 0) AND rtrim(ancestry->>'$[1].exe_name', '0123456789.-') IN {runtimes}))
