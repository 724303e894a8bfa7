-- Technique: T1105, T1046, T1570
-- Means: a tool for connections, scans, sniffing or remote copies runs in a container from a terminal, or under a server or an application there.
-- Look at: the address in cmdline, and what the terminal or the application did before.
-- Known: people who debug a network in a container; health checks of an application by curl (those of the runtime have no application above them).
entry_type = 'container'
AND ({program} IN {network_tools} OR {program} IN {scanners} OR {program} IN {sniffers} OR {program} IN ('dig', 'nslookup', 'host', 'rsync', 'traceroute'))
AND {by hand in container}
