-- Technique: T1554, T1210, T1021.004
-- Means: sshd itself runs a program as root before a login: it leads no session and has no login id. A replaced or exploited sshd does so.
-- Look at: the program and its descendants; the files of sshd and of its libraries against the package; the client's address in sshd's log.
-- Known: AuthorizedKeysCommand and PAM modules that run programs as root. Where PAM sets no login id, also programs that greet or check a user (update-motd).
{creator} IN ('sshd', 'sshd-session', 'sshd-auth')
AND uid = 0
AND auid = 4294967295
AND sid <> pid
AND NOT ({program} IN ('sshd', 'sshd-session', 'sshd-auth', 'unix_chkpwd', 'unix_update') AND {proven program})
