-- Technique: T1548.003
-- Means: sudo, su, pkexec, doas or runuser runs under a web or database server.
-- Look at: cmdline for the command, auth.log for the result.
-- Known: applications with single commands in sudoers: exclude them by exact cmdline.
{program} IN {privilege_changers}
AND {under services}
