-- Technique: T1059
-- Means: a shell or script interpreter runs under a database server: COPY … FROM PROGRAM, a user-defined function or a sandbox escape.
-- Look at: the database log for the statement and its account at that time.
-- Known: PostgreSQL runs archive_command and restore_command by sh -c: exclude their exact text. Its query for collations (exactly sh -c locale -a) is excluded.
{program} IN {shells_and_interpreters}
AND cmdline <> 'sh -c locale -a'
AND {under databases}
