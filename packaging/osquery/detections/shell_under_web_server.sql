-- Technique: T1505.003
-- Means: a shell has a web server, a PHP worker or an application server among its ancestors, at any depth.
-- Look at: cmdline and cwd for the requested script, then the server's access log at this time.
-- Known: applications that run shell commands. The default command of PHP's mail() is excluded exactly: more arguments can be an attack on sendmail.
path GLOB '*[hx3]'
AND {program} IN {shells}
AND NOT (cmdline IN ('sh -c /usr/sbin/sendmail -t -i', 'sh -c -- /usr/sbin/sendmail -t -i') AND {proven program})
AND {under web_servers}
