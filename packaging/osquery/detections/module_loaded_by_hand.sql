-- Technique: T1547.006, T1014
-- Means: a kernel module is loaded under a server or from a file in a place that all users can write, or by insmod in a session.
-- Look at: the module's file, dmesg of this time.
-- Known: developers of modules.
({program} IN ('insmod', 'modprobe') OR args->>0 GLOB '*insmod' OR args->>0 GLOB '*modprobe' OR ({program} = 'kmod' AND (cmdline GLOB '* insert*' OR cmdline GLOB '* load*')))
AND ({under services} OR cmdline GLOB '* /tmp/*' OR cmdline GLOB '* /var/tmp/*' OR cmdline GLOB '* /dev/shm/*'
  OR (args->>0 GLOB '*insmod' AND entry_type NOT IN ('init', 'kthread') AND NOT {under proven package_managers}))
