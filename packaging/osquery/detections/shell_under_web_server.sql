-- Technique: T1505.003
-- Means: a shell whose ancestors include a web server, a PHP worker or an application server, at any distance.
-- Look at: cmdline and cwd for the script that was asked for, then the server's access log at this time.
-- Known: applications that run shell commands. PHP's mail() by sendmail is left out as long as nothing else is in its command.
path GLOB '*[hx3]'
AND {program} IN {shells}
AND {under web_servers}
AND NOT (cmdline GLOB 'sh -c*/usr/sbin/sendmail -t -i*' AND {no shell syntax})
