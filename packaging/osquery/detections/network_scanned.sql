-- Technique: T1046, T1018
-- Means: a session, a server or cron scans a network or tries passwords (nmap, masscan, fscan, hydra, …).
-- Look at: the targets in cmdline; entry_source_ip.
-- Known: administrators who look for an open port.
{program} IN {scanners}
AND {in session or service}
