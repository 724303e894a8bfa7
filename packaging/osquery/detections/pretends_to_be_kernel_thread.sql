-- Technique: T1036.004, T1036.005
-- Means: a process has the name of a kernel thread ([kworker/0:1]), but has an executable file and no ancestor kthreadd.
-- Look at: the file, and the ancestors for its origin.
-- Known: none seen.
(cmdline GLOB '[[][a-z]*[]]*' OR {program} IN ('kthreadd', 'kworker', 'kworkerd', 'kworkers', 'ksoftirqd', 'kswapd', 'khugepaged', 'kauditd', 'rcu_sched', 'kdevtmpfs', 'watchdogd')
  OR args->>0 GLOB 'kworker/*' OR args->>0 GLOB 'ksoftirqd/*')
AND path <> ''
AND entry_type <> 'kthread'
AND NOT EXISTS (SELECT 1 FROM json_each(ancestry) WHERE value->>'pid' = 2 AND value->>'path' = '')
