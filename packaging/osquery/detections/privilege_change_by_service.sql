-- Technique: T1548.003
-- Means: sudo, su, pkexec, doas or runuser under a web or database server.
-- Look at: cmdline for what it wanted; auth.log for whether it got it.
-- Known: applications that are allowed single commands by sudoers: exclude these by their exact cmdline.
{program} IN {privilege_changers}
AND {under services}
