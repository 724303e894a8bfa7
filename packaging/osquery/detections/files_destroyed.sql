-- Technique: T1485, T1490
-- Means: a command destroys files beyond repair or all of a system's: rm --no-preserve-root, rm -rf of / or of a top directory, find / -delete, shred and similar tools; or it removes snapshots and backups.
-- Look at: what is left; who ran it (auid, entry_source_ip); other hosts of the same user.
-- Known: administrators who shred a key.
(({program} = 'rm' AND (cmdline GLOB '*--no-preserve-root*'
    OR (({option 'rR'} OR cmdline GLOB '* --recursive*')
      AND EXISTS (SELECT 1 FROM json_each(args) WHERE rtrim(value, '/*') IN ('', '/bin', '/boot', '/etc', '/home', '/lib', '/opt', '/root', '/sbin', '/srv', '/usr', '/var', '/var/lib') AND value GLOB '/*'))))
  OR ({program} = 'find' AND args->>1 IN ('/', '/home', '/home/', '/var', '/var/', '/etc', '/etc/') AND args->>'$[#-1]' = '-delete' AND args_count <= 5)
  OR ({program} IN ('shred', 'wipe', 'srm', 'scrub', 'sdelete'))
  OR ({program} IN ('restic', 'borg') AND (cmdline GLOB '* forget*--prune*' OR cmdline GLOB '* delete *'))
  OR ({program} = 'zfs' AND cmdline GLOB '* destroy *' AND {option 'rR'}) OR ({program} = 'vgremove' AND {option 'f'}))
AND {in session or service}
AND NOT {under proven package_managers}
