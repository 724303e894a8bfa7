-- Technique: T1059, T1059.006
-- Means: an interpreter that is given its program on the command line (python -c, perl -e, php -r, …) under a web or database server.
-- Look at: the program text.
-- Known: applications that call interpreters so: exclude by the exact text.
{program} IN {interpreters}
AND (cmdline GLOB '* -c *' OR cmdline GLOB '* -e *' OR cmdline GLOB '* -r *' OR cmdline GLOB '* --eval*' OR cmdline GLOB '* -ne *' OR cmdline GLOB '* -p* -e *')
AND {under services}
