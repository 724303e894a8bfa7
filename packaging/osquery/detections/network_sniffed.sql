-- Technique: T1040, T1557
-- Means: a session, a server or cron records a network's traffic or intercepts it (tcpdump, tshark, ettercap, mitmproxy, …).
-- Look at: the file that it writes (-w), and entry_source_ip.
-- Known: administrators who look for a fault of the network.
{program} IN {sniffers}
AND {in session or service}
