-- Technique: T1053.003, T1053.002
-- Means: crontab or at, or a command that names cron's directories, under a web or database server.
-- Look at: /var/spool/cron and /etc/cron*, by the time of the change.
-- Known: applications that install their own job when they are set up.
(({program} IN ('crontab', 'at', 'batch') AND cmdline NOT GLOB '*crontab -l')
  OR (cmdline GLOB '*/etc/cron*' OR cmdline GLOB '*/var/spool/cron*'))
AND {under services}
