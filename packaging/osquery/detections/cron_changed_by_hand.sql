-- Technique: T1053.003, T1053.002
-- Means: a session or container installs a crontab from a file or a pipe, sets an at job, or writes to cron's directories by a command.
-- Look at: crontab -l of the user, /etc/cron*; who ran it (auid, entry_source_ip).
-- Known: administrators and installers; crontab -e is left out.
entry_type <> 'init'
AND (({program} IN ('crontab', 'at', 'batch') AND cmdline NOT GLOB '*crontab -[elv]*' AND cmdline NOT GLOB '*crontab -u * -[el]' AND cmdline NOT GLOB 'at -[lcV]*')
  OR {writes to '/etc/cron' or '/var/spool/cron' or '/var/spool/at' or '/etc/anacrontab'})
AND NOT {under proven package_managers}
