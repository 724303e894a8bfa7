-- Technique: T1048, T1567, T1041
-- Means: a session, a server or cron sends a file to another host: an upload by curl or wget, rclone or a cloud's client, a copy to a service for file exchange.
-- Look at: the address and the file in cmdline; what packed the file (data_packed).
-- Known: administrators and jobs that upload a report or a backup: allow by path or by exact cmdline and uid.
(({program} = 'curl' AND (cmdline GLOB '* -T *' OR cmdline GLOB '* -T[/.@a-z]*' OR cmdline GLOB '* --upload-file*' OR cmdline GLOB '* -F *=@*' OR cmdline GLOB '* --form *=@*' OR cmdline GLOB '* --data-binary[= ]@*'))
  OR ({program} = 'wget' AND (cmdline GLOB '* --post-file*' OR cmdline GLOB '* --body-file*'))
  OR ({program} = 'rclone' AND args->>1 IN ('copy', 'copyto', 'sync', 'move', 'moveto', 'rcat'))
  OR ({program} IN ('aws', 's3cmd', 'gsutil', 'gcloud') AND args->>'$[#-1]' GLOB '[sg][3s]://*')
  OR {program} IN ('mega-put', 'megaput', 'megacopy', 'azcopy', 'croc', 'ffsend')
  OR ({program} IN {network_tools} AND (cmdline GLOB '*transfer.sh*' OR cmdline GLOB '*/file.io*' OR cmdline GLOB '*gofile.io*' OR cmdline GLOB '*anonfiles*' OR cmdline GLOB '*pastebin.com*' OR cmdline GLOB '*termbin.com*' OR cmdline GLOB '*api.telegram.org/bot*' OR cmdline GLOB '*discord.com/api/webhooks*' OR cmdline GLOB '*webhook.site*' OR cmdline GLOB '*.oast.*' OR cmdline GLOB '*interact.sh*')))
AND {in session or service}
AND NOT {under proven package_managers}
