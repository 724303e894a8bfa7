-- Technique: T1059, T1059.006
-- Means: an interpreter runs code from its command line (python -c, perl -e, php -r, …) under a web or database server.
-- Look at: the code in cmdline.
-- Known: applications that run interpreters this way: exclude by the exact text.
{program} IN {interpreters}
AND (cmdline GLOB '* -c *' OR cmdline GLOB '* -e *' OR cmdline GLOB '* -r *' OR cmdline GLOB '* --eval*' OR cmdline GLOB '* -ne *' OR cmdline GLOB '* -p* -e *')
AND {under services}
