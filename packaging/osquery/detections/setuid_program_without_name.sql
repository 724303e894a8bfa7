-- Technique: T1068
-- Means: a program is executed without a name of its own (argc is 0, or argv[0] is empty) and gains root rights, or is pkexec: the way of CVE-2021-4034.
-- Look at: the program that executed it (the parent), and what root executed afterwards.
-- Known: none seen.
(args_count = 0 OR (args_count > 0 AND args->>0 = ''))
AND ({program} = 'pkexec' OR (euid = 0 AND uid <> 0))
