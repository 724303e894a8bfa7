-- Technique: T1548.003
-- Means: an editor, a pager, find, awk, tar or a similar program under sudo, su or a service starts a shell: privileges for one program are used for all.
-- Look at: which rule of sudoers allowed the program.
-- Known: administrators who use :! in an editor under sudo.
path GLOB '*[hx3]'
AND {program} IN {shells}
AND ({creator} IN {editors_and_pagers}
  OR ({creator} IN {programs_that_run_commands} AND (args_count = 1 OR cmdline GLOB '*sh -[ip]' OR cmdline GLOB '*sh -c sh' OR cmdline GLOB '*sh -c /bin/*sh' OR cmdline GLOB '*sh -c exec *sh*')))
AND ({under privilege_changers} OR {under services})
