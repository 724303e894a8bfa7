-- Technique: T1074.001, T1048.003
-- Means: a temporary web server (python -m http.server or similar) runs in an ssh session, in a temporary directory or as a service account.
-- Look at: cwd for the served files, entry_source_ip for the client.
-- Known: users who share a file this way.
entry_type = 'sshd'
AND (cmdline GLOB '*python*-m http.server*' OR cmdline GLOB '*python*SimpleHTTPServer*' OR cmdline GLOB '*php* -S *' OR cmdline GLOB '*ruby* -run -e httpd*' OR cmdline GLOB '*busybox httpd*')
AND (cwd GLOB '/tmp*' OR cwd GLOB '/var/tmp*' OR cwd GLOB '/dev/shm*' OR cwd GLOB '/var/lib/*' OR cwd GLOB '/etc*' OR cwd = '/')
