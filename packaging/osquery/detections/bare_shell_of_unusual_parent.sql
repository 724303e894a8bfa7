-- Technique: T1059.004
-- Means: an interactive shell (no script, no -c) whose parent is not a login program, terminal, shell, runtime or editor.
-- Look at: the parent and its network clients; the terminal, if there is one.
-- Known: administrative programs that offer a shell; terminals and editors that a user installed, and programs in containers that do not run as root, because only names of root's files are trusted.
path GLOB '*[hx3]'
AND {program} IN {shells}
AND (args_count = 1 OR cmdline GLOB '*sh -i' OR cmdline GLOB '*sh -p' OR cmdline GLOB '*sh -l' OR cmdline GLOB '*sh --noprofile*')
AND NOT ({proven creator} AND ({creator} IN {shells} OR {creator} IN {shell_givers} OR {creator} IN {interpreters} OR {creator} IN {container_runtimes} OR {creator} IN {schedulers}))
AND ancestry_depth > 0
AND ancestry->>'$[0].path' <> ''
