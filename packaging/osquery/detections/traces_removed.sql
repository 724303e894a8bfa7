-- Technique: T1685.006, T1070.003
-- Means: a program other than logrotate or a package manager removes or empties a shell history or a log, or links it to /dev/null.
-- Look at: entry_source_ip, and the session's commands: all are recorded, also if the history is gone.
-- Known: clean-up before a machine becomes an image.
({program} IN ('rm', 'shred', 'truncate', 'unlink', 'wipe', 'srm')
  OR ({program} IN ('ln', 'cp') AND cmdline GLOB '*/dev/null*')
  OR ({program} = 'dd' AND (cmdline GLOB '* of=*_history*' OR cmdline GLOB '* of=/var/*'))
  OR ({program} = 'sed' AND (cmdline GLOB '* -i*' OR cmdline GLOB '* -[nErsz]i*' OR cmdline GLOB '* --in-place*'))
  OR ({program} = 'tee' AND cmdline NOT GLOB '* -a*' AND cmdline NOT GLOB '* --append*'))
AND (cmdline GLOB '*.*_history*' OR cmdline GLOB '*/var/log/wtmp*' OR cmdline GLOB '*/var/log/btmp*' OR cmdline GLOB '*/var/log/lastlog*' OR cmdline GLOB '*/var/run/utmp*'
  OR cmdline GLOB '*/var/log/auth.log*' OR cmdline GLOB '*/var/log/secure*' OR cmdline GLOB '*/var/log/audit/*' OR cmdline GLOB '*/var/log/syslog*' OR cmdline GLOB '*/var/log/messages*')
AND NOT {under proven package_managers}
AND NOT {under proven ('logrotate', 'savelog', 'systemd-tmpfiles', 'cloud-init')}
