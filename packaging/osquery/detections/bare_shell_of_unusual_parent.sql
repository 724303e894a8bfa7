-- Technique: T1059.004
-- Means: a shell for a person or a peer (no script, no -c) that was started by a program that is no login, terminal, shell, runtime or editor.
-- Look at: the parent: what it serves, and whom. The terminal, if there is one.
-- Known: administrative programs that offer a shell of their own; terminals and editors that a user has installed, and programs of containers that do not run as root, because only root's files are believed by their names.
path GLOB '*[hx3]'
AND {program} IN {shells}
AND (args_count = 1 OR cmdline GLOB '*sh -i' OR cmdline GLOB '*sh -p' OR cmdline GLOB '*sh -l' OR cmdline GLOB '*sh --noprofile*')
AND NOT ({proven creator} AND ({creator} IN {shells} OR {creator} IN {shell_givers} OR {creator} IN {interpreters} OR {creator} IN {container_runtimes} OR {creator} IN {schedulers}))
AND ancestry_depth > 0
AND ancestry->>'$[0].path' <> ''
