-- Technique: T1059
-- Means: a shell or script interpreter under a database server: COPY … FROM PROGRAM, user-defined functions, sandbox escapes.
-- Look at: the database's log for the statement and the account of this time.
-- Known: PostgreSQL's archive_command and restore_command run by sh -c: exclude their exact text. How it asks for collations (sh -c locale -a, exactly) is left out.
{program} IN {shells_and_interpreters}
AND {under databases}
AND cmdline <> 'sh -c locale -a'
