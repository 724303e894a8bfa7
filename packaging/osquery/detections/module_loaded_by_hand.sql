-- Technique: T1547.006, T1014
-- Means: a kernel module is loaded under a server, from a directory that all users can write, or by insmod in a session.
-- Look at: the module's file, and dmesg at that time.
-- Known: developers of kernel modules.
({program} IN ('insmod', 'modprobe') OR args->>0 GLOB '*insmod' OR args->>0 GLOB '*modprobe' OR ({program} = 'kmod' AND (cmdline GLOB '* insert*' OR cmdline GLOB '* load*')))
AND ({under services} OR cmdline GLOB '* /tmp/*' OR cmdline GLOB '* /var/tmp/*' OR cmdline GLOB '* /dev/shm/*'
  OR (args->>0 GLOB '*insmod' AND entry_type NOT IN ('init', 'kthread') AND NOT {under proven package_managers}))
