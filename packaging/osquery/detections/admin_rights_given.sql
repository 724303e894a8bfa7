-- Technique: T1098.007, T1548.003
-- Means: a session, a server or cron gives a user root's rights: a line in sudoers, or a group that is as good as root (sudo, wheel, docker, …).
-- Look at: which user; who ran it (auid, entry_source_ip).
-- Known: administrators who set up a colleague's account.
({writes to '/etc/sudoers'}
  OR ({program} IN ('usermod', 'gpasswd', 'adduser', 'useradd', 'groupmod')
    AND (cmdline || ' ' GLOB '*[ ,]sudo[ ,]*' OR cmdline || ' ' GLOB '*[ ,]wheel[ ,]*' OR cmdline || ' ' GLOB '*[ ,]docker[ ,]*' OR cmdline || ' ' GLOB '*[ ,]lxd[ ,]*' OR cmdline || ' ' GLOB '*[ ,]disk[ ,]*' OR cmdline || ' ' GLOB '*[ ,]shadow[ ,]*')))
AND {in session or service}
AND NOT {under proven package_managers}
