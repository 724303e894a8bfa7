-- Technique: T1098.004
-- Means: a session, a server or cron writes an authorized_keys file by a command, or changes its attributes.
-- Look at: the file; who ran it (auid, entry_source_ip).
-- Known: administrators who add a key, provisioning by shell commands. An editor, and a redirection that is typed in a running shell, execute nothing that shows it.
{writes to '/root/.ssh/authorized_keys' or '/home/*/.ssh/authorized_keys' or '/*/authorized_keys' or '~/.ssh/authorized_keys' or '~*/.ssh/authorized_keys' or '$HOME/.ssh/authorized_keys' or '.ssh/authorized_keys' or 'authorized_keys'}
AND {in session or service}
