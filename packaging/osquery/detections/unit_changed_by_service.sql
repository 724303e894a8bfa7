-- Technique: T1543.002
-- Means: systemctl, systemd-run or a similar program starts, enables or links a unit under a web or database server.
-- Look at: the unit's file, and systemctl list-units by time.
-- Known: control panels that restart services for their users.
({program} IN ('systemd-run', 'chkconfig')
  OR ({program} IN {shells_and_interpreters} AND (cmdline GLOB '*/update-rc.d *' OR cmdline GLOB '*/rc-update *'))
  OR (({program} IN ('systemctl', 'initctl') OR ({program} IN {shells} AND cmdline GLOB '*/service ?*')) AND cmdline NOT GLOB '* status*' AND cmdline NOT GLOB '* is-*' AND cmdline NOT GLOB '* show*' AND cmdline NOT GLOB '* list-*')
  OR (cmdline GLOB '*/etc/systemd/system/*' OR cmdline GLOB '*/etc/init.d/*' OR cmdline GLOB '*/etc/rc.local*'))
AND {under services}
