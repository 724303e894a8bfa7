-- Technique: T1136.001, T1098
-- Means: a descendant of a web or database server creates or changes an account, its password or its keys.
-- Look at: /etc/passwd and /etc/shadow against a backup, authorized_keys.
-- Known: control panels that manage accounts.
({program} IN ('useradd', 'usermod', 'userdel', 'adduser', 'passwd', 'chpasswd', 'newusers', 'gpasswd', 'groupmod', 'visudo', 'chage')
  OR (cmdline GLOB '*authorized_keys*' OR cmdline GLOB '*>*/etc/passwd*' OR cmdline GLOB '*>*/etc/sudoers*'))
AND {under services}
