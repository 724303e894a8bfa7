-- Technique: T1560.001, T1074.001
-- Means: a session or a server packs home directories, configuration, keys, web files or databases into an archive, or makes an archive with a password.
-- Look at: where the archive went: later executions of the same session (data_sent_out).
-- Known: administrators who make a copy before a change. Backups by units and cron are left out.
(({program} IN ('tar', 'bsdtar', 'zip', '7z', '7za', '7zr', 'rar', 'cpio') AND ({option 'c'} OR args->>1 GLOB 'c*' OR cmdline GLOB '* --create*' OR {program} IN ('cpio', 'zip', 'rar', '7z', '7za', '7zr'))
    AND (cmdline || ' ' GLOB '* /etc[ /]*' OR cmdline || ' ' GLOB '* /home[ /]*' OR cmdline || ' ' GLOB '* /root[ /]*' OR cmdline GLOB '*/.ssh*' OR cmdline GLOB '*/.aws*' OR cmdline GLOB '*/.gnupg*' OR cmdline GLOB '* /var/www*' OR cmdline GLOB '* /srv/*' OR cmdline GLOB '* /var/lib/mysql*' OR cmdline GLOB '* /var/lib/postgresql*' OR cmdline GLOB '* /var/lib/docker*' OR cmdline GLOB '*/serviceaccount*'))
  OR ({program} IN ('zip', '7z', '7za', '7zr', 'rar') AND (cmdline GLOB '* -p[!-~]*' OR cmdline GLOB '* -P *' OR cmdline GLOB '* -hp*' OR cmdline GLOB '* --encrypt*'))
  OR ({program} = 'gpg' AND ({option 'c'} OR cmdline GLOB '* --symmetric*') AND cmdline GLOB '*--passphrase*')
  OR ({program} = 'openssl' AND cmdline GLOB '* enc *' AND cmdline GLOB '* -e*' AND (cmdline GLOB '* -k *' OR cmdline GLOB '* -pass *')))
AND (entry_type <> 'init' OR {under services})
AND NOT {under proven package_managers}
