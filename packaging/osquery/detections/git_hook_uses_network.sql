-- Technique: T1195.001, T1059.004
-- Means: a network tool runs under a git hook: code started by a clone, pull or commit.
-- Look at: the hook's file in the repository at cwd.
-- Known: hooks that notify a chat or a build server.
{program} IN {network_tools}
AND EXISTS (SELECT 1 FROM json_each(ancestry) WHERE value->>'cmdline' GLOB '*.git/hooks/*' OR value->>'cmdline' GLOB '*/.husky/*')
