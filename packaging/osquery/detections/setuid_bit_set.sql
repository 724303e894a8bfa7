-- Technique: T1548.001
-- Means: chmod or install sets the setuid bit, or setcap gives a file cap_setuid or another capability that is as good as root, outside of a package manager.
-- Look at: the file: a copy of a shell is a back door.
-- Known: builds of images and installers that set up a helper.
(({program} = 'chmod' AND (cmdline GLOB '* [+=]*s *' OR cmdline GLOB '* u*[+=]*s *' OR cmdline GLOB '* a[+=]*s *' OR cmdline GLOB '* [46][0-7][0-7][0-7] *' OR cmdline GLOB '* 0[46][0-7][0-7][0-7] *'))
  OR ({program} = 'install' AND (cmdline GLOB '* -m[46][0-7][0-7][0-7] *' OR cmdline GLOB '* -m [46][0-7][0-7][0-7] *' OR cmdline GLOB '* -m [0][46][0-7][0-7][0-7] *' OR cmdline GLOB '* --mode=*[46][0-7][0-7][0-7] *' OR cmdline GLOB '* -m u+*s*'))
  OR ({program} = 'setcap' AND (cmdline GLOB '*cap_set[ug]id*' OR cmdline GLOB '*cap_dac_*' OR cmdline GLOB '*cap_sys_admin*' OR cmdline GLOB '*cap_sys_ptrace*' OR cmdline GLOB '*cap_sys_module*' OR cmdline GLOB '*cap_chown*' OR cmdline GLOB '*=eip*' OR cmdline GLOB '*all*p *')))
AND NOT {under proven package_managers}
