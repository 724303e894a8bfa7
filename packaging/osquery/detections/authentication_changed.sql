-- Technique: T1556.003, T1556
-- Means: a session, a server or cron writes PAM's configuration or modules, sshd's configuration, or nsswitch.conf by a command.
-- Look at: the file against the package (dpkg -V, rpm -V); pam_exec, pam_permit and sufficient lines.
-- Known: administrators who harden a host.
{writes to '/etc/pam.d' or '/etc/pam.conf' or '/lib/*/security/pam_' or '/lib/security/pam_' or '/usr/lib/*/security/pam_' or '/usr/lib64/security/pam_' or '/lib64/security/pam_' or '/etc/security/' or '/etc/ssh/sshd_config' or '/etc/nsswitch.conf'}
AND {in session or service}
AND NOT {under proven package_managers}
