-- Technique: T1059.006
-- Means: python, perl, ruby or php starts an interactive shell, from code on the command line (pty.spawn) or under a server: the usual upgrade of a reverse shell to a full terminal.
-- Look at: the ancestors for the service; tty for an interactive user.
-- Known: administrative tools in these languages that offer a shell.
path GLOB '*[hx3]'
AND {program} IN {shells}
AND (args_count = 1 OR cmdline GLOB '*sh -i' OR cmdline GLOB '*sh -p')
AND {creator} IN {interpreters}
AND (ancestry->>'$[0].cmdline' GLOB '*pty*' OR ancestry->>'$[0].cmdline' GLOB '* -c *' OR ancestry->>'$[0].cmdline' GLOB '* -e *' OR {under services})
