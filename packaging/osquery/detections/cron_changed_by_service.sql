-- Technique: T1053.003, T1053.002
-- Means: crontab or at runs under a web or database server, or a command there contains a path of cron's directories.
-- Look at: files in /var/spool/cron and /etc/cron* that changed at that time.
-- Known: applications that install a cron job during setup.
(({program} IN ('crontab', 'at', 'batch') AND cmdline NOT GLOB '*crontab -l')
  OR (cmdline GLOB '*/etc/cron*' OR cmdline GLOB '*/var/spool/cron*'))
AND {under services}
