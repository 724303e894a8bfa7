-- Technique: T1068, T1548.001
-- Means: a process runs as root although an ancestor, a service, had dropped its privileges: a setuid program or an exploit.
-- Look at: the nearest ancestor that is not root, and its executions.
-- Known: applications that may use sudo or a setuid helper (sendmail, unix_chkpwd and suexec are excluded).
euid = 0
AND (uid <> 0 OR EXISTS (SELECT 1 FROM json_each(ancestry) AS low, json_each(ancestry) AS server
  WHERE low.key < server.key AND low.value->>'uid' <> 0 AND {name of server} IN {services}))
AND NOT ({program} IN ('sendmail', 'exim', 'postdrop', 'unix_chkpwd', 'maildrop', 'suexec') AND {proven program})
AND {under services}
