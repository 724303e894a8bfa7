-- Technique: T1059.004
-- Means: a command line connects a shell to the network. The ancestors show its origin.
-- Look at: the address in cmdline, the open connection, and the nearest ancestor that is a service or a session.
-- Known: tests and teaching material that quote such commands. Checks for an open port (</dev/tcp/…, also exec 3<> to this host) are excluded.
(((cmdline GLOB '*/dev/tcp/*' OR cmdline GLOB '*/dev/udp/*')
    AND (cmdline GLOB '*sh -i*' OR cmdline GLOB '*0>&1*' OR cmdline GLOB '*0<&*' OR cmdline GLOB '*>&0*' OR cmdline GLOB '*sh <*/dev/*'
      OR (cmdline GLOB '*<>*/dev/[tu][cd]p/*' AND cmdline NOT GLOB '*/dev/[tu][cd]p/127.*' AND cmdline NOT GLOB '*/dev/[tu][cd]p/localhost/*' AND cmdline NOT GLOB '*/dev/[tu][cd]p/::1/*')))
  OR ({program} IN ('nc', 'nc.openbsd', 'nc.traditional', 'ncat', 'netcat') AND (cmdline GLOB '* -[a-z]*e /*' OR cmdline GLOB '* -e /*' OR cmdline GLOB '* -[a-z]*e *sh *' OR cmdline GLOB '* -e *sh' OR cmdline GLOB '* -e *sh *' OR cmdline GLOB '* -c *sh*' OR cmdline GLOB '* --exec *' OR cmdline GLOB '* --sh-exec *'))
  OR ({program} = 'socat' AND (cmdline LIKE '%exec:%' OR cmdline LIKE '%system:%'))
  OR ({program} = 'python' AND cmdline GLOB '* -c *socket*' AND (cmdline GLOB '*pty.spawn*' OR cmdline GLOB '*dup2*' OR cmdline GLOB '*subprocess*'))
  OR ({program} = 'perl' AND cmdline GLOB '* -*e *Socket*' AND cmdline GLOB '*exec*')
  OR ({program} = 'ruby' AND cmdline GLOB '* -*e *TCPSocket*' AND cmdline GLOB '*exec*')
  OR ({program} = 'php' AND cmdline GLOB '* -r *fsockopen*' AND cmdline GLOB '*exec*')
  OR ({program} = 'openssl' AND cmdline GLOB '*s_client*-connect*' AND {creator} IN {shells} AND ancestry->>'$[0].cmdline' GLOB '*mkfifo*')
  OR ({program} IN {shells} AND cmdline GLOB '*mkfifo*' AND (cmdline GLOB '*|*nc *' OR cmdline GLOB '*|*ncat *' OR cmdline GLOB '*|*telnet *')))
