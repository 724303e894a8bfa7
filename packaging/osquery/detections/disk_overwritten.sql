-- Technique: T1561.001, T1561.002, T1485
-- Means: a session, a server or cron overwrites or formats a disk: dd to a device, mkfs, wipefs, blkdiscard, shred of a device, luksErase.
-- Look at: which device; whether it is in use; who ran it (auid, entry_source_ip).
-- Known: administrators who set up a disk.
(({program} IN ('dd', 'dcfldd', 'dc3dd') AND {disk after 'of='})
  OR (({program} GLOB 'mkfs*' OR {program} IN ('mke2fs', 'mkswap', 'blkdiscard', 'shred', 'tee')
      OR ({program} = 'wipefs' AND ({option 'a'} OR cmdline GLOB '* --all*')) OR ({program} = 'sgdisk' AND ({option 'zZo'} OR cmdline GLOB '* --zap*'))
      OR ({program} = 'hdparm' AND cmdline GLOB '* --security-erase*') OR ({program} = 'badblocks' AND {option 'w'}) OR ({program} = 'nvme' AND args->>1 = 'format'))
    AND {disk after ''})
  OR ({program} = 'cryptsetup' AND (cmdline LIKE '% lukserase %' OR cmdline LIKE '% erase %' OR cmdline LIKE '% luksformat %')))
AND {in session or service}
AND NOT {under proven package_managers}
