-- Technique: T1543.002, T1053.006, T1569.003
-- Means: a session, a server or cron enables a unit or starts one of its own (systemd-run as a timer), or writes a unit file or an init script by a command.
-- Look at: systemctl cat of the unit; who ran it (auid, entry_source_ip).
-- Known: administrators who set up a service.
(({program} = 'systemctl' AND (cmdline GLOB '* enable *' OR cmdline GLOB '* link *' OR cmdline GLOB '* reenable *' OR cmdline GLOB '* add-wants *'))
  OR ({program} = 'systemd-run' AND (cmdline GLOB '* --on-*' OR cmdline GLOB '* --timer-*'))
  OR {writes to '/etc/systemd/' or '/lib/systemd/' or '/usr/lib/systemd/' or '/usr/local/lib/systemd/' or '/run/systemd/system' or '/root/.config/systemd/' or '/home/*/.config/systemd/' or '~/.config/systemd/' or '/etc/init.d/' or '/etc/rc.local' or '/etc/rc.d/'})
AND {in session or service}
AND NOT {under proven package_managers}
