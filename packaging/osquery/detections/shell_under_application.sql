-- Technique: T1190, T1059.004
-- Means: an application as a service (node, Python, Ruby, Java, .NET, PHP, or a program of its own in /app, /srv, /opt and similar) creates a shell that runs a command. The application is in a container, or has no root rights on the host.
-- Look at: cmdline, and the application's log at that time: command injection, deserialization, templates.
-- Known: applications that run commands by a shell; npm start, which runs the application by one: allow the exact cmdline with entry_type or cgroup_path. Build servers.
interactive = 0
AND path GLOB '*[hx3]'
AND {program} IN {shells}
AND {runs command}
AND {application as creator}
