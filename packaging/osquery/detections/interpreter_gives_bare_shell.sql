-- Technique: T1059.006
-- Means: python, perl, ruby or php that starts a shell for a person, from a program text (pty.spawn) or under a server: how a dumb shell is made a comfortable one.
-- Look at: the ancestors for the service; tty for whether a person uses it now.
-- Known: administrative tools in such languages that offer a shell.
path GLOB '*[hx3]'
AND {program} IN {shells}
AND (args_count = 1 OR cmdline GLOB '*sh -i' OR cmdline GLOB '*sh -p')
AND {creator} IN {interpreters}
AND (ancestry->>'$[0].cmdline' GLOB '*pty*' OR ancestry->>'$[0].cmdline' GLOB '* -c *' OR ancestry->>'$[0].cmdline' GLOB '* -e *' OR {under services})
