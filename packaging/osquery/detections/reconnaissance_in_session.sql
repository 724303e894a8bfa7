-- Technique: T1033, T1082, T1016, T1049, T1087.001
-- Means: six or more different discovery programs (id, whoami, uname, ss, ip, lsblk, …) ran in one session by ssh, terminal or container since the last run of this query. The row is the last of them; cmdline lists all.
-- Look at: entry_source_ip, and the session's other executions.
-- Known: administrators who look for the cause of a fault. Programs that everyday work uses (ls, find, ps, df, env) do not count.
entry_type IN ('sshd', 'ssm', 'terminal', 'console', 'container')
AND {program} IN ('id', 'whoami', 'groups', 'uname', 'hostname', 'hostnamectl', 'lsb_release', 'w', 'who', 'last', 'lastlog', 'pstree', 'ss', 'netstat', 'ifconfig', 'ip', 'arp', 'route', 'lsblk', 'lscpu', 'lspci', 'dmidecode', 'getent', 'getcap', 'capsh', 'systemd-detect-virt', 'arch', 'nproc')
AND NOT {under proven package_managers}
GROUP BY entry_leader->>'entity_id'
HAVING count(DISTINCT {program}) >= 6
