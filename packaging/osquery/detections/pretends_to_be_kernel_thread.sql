-- Technique: T1036.004, T1036.005
-- Means: a process with the name of a kernel thread ([kworker/0:1]) that has a file and no kthreadd among its ancestors.
-- Look at: the file, and the ancestors for who started it.
-- Known: none seen.
(cmdline GLOB '[[][a-z]*[]]*' OR {program} IN ('kthreadd', 'kworker', 'kworkerd', 'kworkers', 'ksoftirqd', 'kswapd', 'khugepaged', 'kauditd', 'rcu_sched', 'kdevtmpfs', 'watchdogd')
  OR args->>0 GLOB 'kworker/*' OR args->>0 GLOB 'ksoftirqd/*')
AND path <> ''
AND entry_type <> 'kthread'
AND NOT EXISTS (SELECT 1 FROM json_each(ancestry) WHERE value->>'pid' = 2 AND value->>'path' = '')
