-- Technique: T1136.001, T1098
-- Means: a command makes an account with user ID 0, or writes a line with user ID 0 to /etc/passwd: a second root.
-- Look at: awk -F: '$3 == 0' /etc/passwd; who ran it (auid, entry_source_ip).
-- Known: none seen.
(({program} IN ('useradd', 'adduser', 'usermod') AND (cmdline || ' ' GLOB '* -u 0 *' OR cmdline || ' ' GLOB '* -u0 *' OR cmdline || ' ' GLOB '* -[a-z]*u 0 *' OR cmdline || ' ' GLOB '* --uid[= ]0 *'))
  OR ({program} IN {shells} AND cmdline GLOB '*:0:0:*>*/etc/passwd*')
  OR ({program} = 'sed' AND cmdline GLOB '*:0:0:*/etc/passwd*' AND (cmdline GLOB '* -i*' OR cmdline GLOB '* --in-place*')))
