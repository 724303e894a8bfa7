-- Technique: T1685, T1686, T1685.004
-- Means: a session (ssh, terminal, container), a server or cron disables audit, a firewall, SELinux or a security agent. The boot and packages are excluded.
-- Look at: entry_source_ip and the other commands of the session.
-- Known: administrators during maintenance; network plugins in containers that configure iptables.
((({program} = 'systemctl' AND (cmdline GLOB '* stop *' OR cmdline GLOB '* disable *' OR cmdline GLOB '* mask *' OR cmdline GLOB '* kill *')
      OR {program} IN {shells} AND cmdline GLOB '*/service *' AND cmdline GLOB '* stop*')
      AND (cmdline GLOB '*auditd*' OR cmdline GLOB '*osqueryd*' OR cmdline GLOB '*orbit*' OR cmdline GLOB '*falco*' OR cmdline GLOB '*rsyslog*' OR cmdline GLOB '*apparmor*' OR cmdline GLOB '*firewalld*' OR cmdline GLOB '*ufw*' OR cmdline GLOB '*fail2ban*' OR cmdline GLOB '*clamav*'))
  OR ({program} = 'auditctl' AND (cmdline GLOB '* -D*' OR cmdline GLOB '* -e 0*' OR cmdline GLOB '* -e0*'))
  OR ({program} = 'setenforce' AND (cmdline GLOB '* 0' OR cmdline LIKE '% permissive'))
  OR (({program} GLOB '*tables*' OR args->>0 GLOB '*iptables') AND (cmdline GLOB '* -F*' OR cmdline GLOB '* --flush*'))
  OR ({program} = 'nft' AND cmdline GLOB '*flush ruleset*')
  OR ({program} IN {shells_and_interpreters} AND (cmdline GLOB '*/ufw *disable*' OR cmdline GLOB '*/aa-teardown*'))
  OR ({program} IN ('pkill', 'killall') AND (cmdline GLOB '*auditd*' OR cmdline GLOB '*osquery*' OR cmdline GLOB '*falco*' OR cmdline GLOB '*rsyslogd*')))
AND {in session or service}
AND NOT {under proven package_managers}
