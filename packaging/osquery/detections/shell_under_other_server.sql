-- Technique: T1190, T1059.004
-- Means: a mail, name, file, proxy, message or other server that is no web server or database runs a command by a shell, at any depth.
-- Look at: cmdline, and the server's log at that time.
-- Known: print filters, mail filters and hooks of VPN servers. Scripts that a server runs by their own #! line are left out. Erlang servers run df and similar by sh -s unix:cmd.
path GLOB '*[hx3]'
AND {program} IN {shells}
AND {runs command}
AND {under other_servers}
