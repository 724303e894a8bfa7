-- Technique: T1083, T1548.001, T1518
-- Means: a command searches all files for the setuid bit, capabilities or places that all users can write, or a known tool for finding ways to root runs.
-- Look at: setuid_shell_used and root_by_several_changes_of_user afterwards.
-- Known: audits of a host's files by administrators; scanners of compliance run as units.
(({program} = 'find' AND (cmdline GLOB '* -perm *[-/]*[4-7][0-7][0-7][0-7]*' OR cmdline GLOB '* -perm *[ug]*[+=]*s*' OR (cmdline GLOB '* -writable*' AND cmdline GLOB '*find / *')))
  OR ({program} = 'getcap' AND {option 'r'})
  OR ((cmdline GLOB '*linpeas*' OR cmdline GLOB '*LinEnum*' OR cmdline GLOB '*linux-exploit-suggester*' OR cmdline GLOB '*linuxprivchecker*' OR cmdline GLOB '*unix-privesc-check*' OR cmdline GLOB '*/lse.sh*' OR cmdline GLOB '*deepce*') AND {program} IN {shells_and_interpreters})
  OR {program} IN ('pspy', 'linpeas', 'traitor', 'amicontained'))
AND {in session or service}
