-- Technique: T1003.008, T1552.001, T1552.004
-- Means: the arguments of a program under a web or database server contain the path of a file with passwords, keys or tokens.
-- Look at: whether its user may read the file; if so, rotate the credentials.
-- Known: applications that run a program to process their own key.
(cmdline GLOB '*/etc/shadow*' OR cmdline GLOB '*/etc/gshadow*' OR cmdline GLOB '*/.ssh/*' OR cmdline GLOB '*id_rsa*' OR cmdline GLOB '*id_ed25519*'
  OR cmdline GLOB '*/.aws/credentials*' OR cmdline GLOB '*/.kube/config*' OR cmdline GLOB '*/serviceaccount/token*' OR cmdline GLOB '*/.pgpass*' OR cmdline GLOB '*/.my.cnf*'
  OR cmdline GLOB '*/.git-credentials*' OR cmdline GLOB '*/proc/*/environ*' OR cmdline GLOB '*/etc/krb5.keytab*')
AND {under services}
