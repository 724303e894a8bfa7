-- Technique: T1055.008, T1003.007
-- Means: a descendant of a server or of cron attaches gdb, strace, gcore or a similar tool to another process.
-- Look at: the traced process (-p) and its secrets.
-- Known: crash handlers started by a server.
{program} IN ('gdb', 'strace', 'ltrace', 'gcore', 'lldb', 'ptrace', 'procdump')
AND (cmdline GLOB '* -p*' OR cmdline GLOB '*gcore *' OR cmdline GLOB '*--pid*')
AND ({under services} OR {under schedulers})
