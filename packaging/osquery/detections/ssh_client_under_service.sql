-- Technique: T1021.004
-- Means: ssh, scp, sftp or sshpass runs under a web or database server: lateral movement.
-- Look at: the host in cmdline, and its log of this time.
-- Known: backup and replication by ssh (pgBackRest, rsync): exclude by the exact destination.
{program} IN ('ssh', 'scp', 'sftp', 'sshpass', 'autossh', 'ssh-copy-id', 'ssh-keygen')
AND {under services}
