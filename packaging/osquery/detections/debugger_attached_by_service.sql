-- Technique: T1055.008, T1003.007
-- Means: gdb, strace, gcore or the like is attached to another process under a server or by cron.
-- Look at: which process (-p), and what secrets it holds.
-- Known: crash handlers that a server starts.
{program} IN ('gdb', 'strace', 'ltrace', 'gcore', 'lldb', 'ptrace', 'procdump')
AND (cmdline GLOB '* -p*' OR cmdline GLOB '*gcore *' OR cmdline GLOB '*--pid*')
AND ({under services} OR {under schedulers})
