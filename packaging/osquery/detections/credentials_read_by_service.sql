-- Technique: T1003.008, T1552.001, T1552.004
-- Means: a program under a web or database server names a file of passwords, keys or tokens.
-- Look at: which account it ran as and so whether it could read the file; rotate what it names.
-- Known: applications that handle a key of their own by a program.
(cmdline GLOB '*/etc/shadow*' OR cmdline GLOB '*/etc/gshadow*' OR cmdline GLOB '*/.ssh/*' OR cmdline GLOB '*id_rsa*' OR cmdline GLOB '*id_ed25519*'
  OR cmdline GLOB '*/.aws/credentials*' OR cmdline GLOB '*/.kube/config*' OR cmdline GLOB '*/serviceaccount/token*' OR cmdline GLOB '*/.pgpass*' OR cmdline GLOB '*/.my.cnf*'
  OR cmdline GLOB '*/.git-credentials*' OR cmdline GLOB '*/proc/*/environ*' OR cmdline GLOB '*/etc/krb5.keytab*')
AND {under services}
