-- Technique: T1053.003
-- Means: a job of cron, anacron or at runs a file from a directory that all users can write.
-- Look at: the crontab that names it (/etc/cron*, /var/spool/cron), and its author.
-- Known: jobs that write a script to /tmp and run it: let them use their own directory.
({in temporary place} OR ({program} IN {shells_and_interpreters} AND {script in temporary place}))
AND {under schedulers}
