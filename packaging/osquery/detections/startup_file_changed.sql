-- Technique: T1546.004, T1546.017, T1547.013, T1037.004
-- Means: a session, a server or cron writes a file that other logins or events run: /etc/profile, bash.bashrc, update-motd.d, udev rules, autostart entries, root's shell files.
-- Look at: the file's content; who ran it (auid, entry_source_ip).
-- Known: administrators who set a variable for all users.
{writes to '/etc/profile' or '/etc/bash.bashrc' or '/etc/bashrc' or '/etc/zsh' or '/etc/environment' or '/etc/update-motd.d/' or '/etc/udev/rules.d/' or '/lib/udev/rules.d/' or '/usr/lib/udev/rules.d/' or '/etc/xdg/autostart/' or '/root/.bash' or '/root/.profile' or '/root/.zsh' or '/etc/NetworkManager/dispatcher.d/' or '/etc/apt/apt.conf.d/' or '/etc/ld.so.preload'}
AND {in session or service}
AND NOT {under proven package_managers}
