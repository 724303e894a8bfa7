-- Technique: T1548, T1078
-- Means: a root shell in an ssh session that logged in as another user and changed user at least twice (sudo, su).
-- Look at: entry_source_ip and entry_leader, the accounts in the ancestors.
-- Known: administrators who use a shared account.
entry_type = 'sshd'
AND euid = 0
AND path GLOB '*[hx3]'
AND {program} IN {shells}
AND (SELECT count(*) FROM json_each(ancestry) AS one WHERE {name of one} IN {privilege_changers}
  AND coalesce(rtrim(ancestry->>('$[' || (one.key + 1) || '].exe_name'), '0123456789.-'), '') NOT IN {privilege_changers}) >= 2
