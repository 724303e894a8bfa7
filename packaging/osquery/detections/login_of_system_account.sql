-- Technique: T1078.003, T1021.004
-- Means: a system account (user ID 1 to 999: www-data, postgres, …) logs in by ssh or at a terminal. The login id is that account's.
-- Look at: the account's authorized_keys and shell in /etc/passwd; entry_source_ip.
-- Known: service accounts that are made for ssh (git, backups, Ansible): allow by uid.
auid >= 1
AND auid < 1000
AND entry_type IN ('sshd', 'terminal', 'console')
AND entry_leader->>'entity_id' = entity_id
