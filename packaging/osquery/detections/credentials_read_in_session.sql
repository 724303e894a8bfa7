-- Technique: T1003.008, T1552.001, T1552.004, T1552.003
-- Means: in a session or container, a command reads or copies password hashes, private keys, cloud credentials, another process's environment or a shell history.
-- Look at: auid and entry_source_ip; whether the user may have it; rotate what was read.
-- Known: people who look at a key of their own, or move it to another host.
entry_type <> 'init'
AND {program} IN ('cat', 'tac', 'nl', 'less', 'more', 'head', 'tail', 'strings', 'xxd', 'hexdump', 'od', 'base', 'cp', 'mv', 'scp', 'rsync', 'tar', 'zip', 'dd', 'awk', 'gawk', 'mawk', 'sed', 'grep', 'cut', 'curl', 'nc', 'ncat', 'socat', 'xargs', 'tee', 'sort')
AND (cmdline GLOB '*/etc/shadow*' OR cmdline GLOB '*/etc/gshadow*' OR cmdline GLOB '*/etc/master.passwd*' OR cmdline GLOB '*/security/opasswd*' OR cmdline GLOB '*/etc/krb5.keytab*'
  OR cmdline || ' ' GLOB '*/id_rsa *' OR cmdline || ' ' GLOB '*/id_dsa *' OR cmdline || ' ' GLOB '*/id_ecdsa *' OR cmdline || ' ' GLOB '*/id_ed25519 *' OR cmdline GLOB '*/etc/ssh/ssh_host_*_key *' OR cmdline GLOB '*/etc/ssh/ssh_host_*_key'
  OR cmdline GLOB '*/.aws/credentials*' OR cmdline GLOB '*/.kube/config*' OR cmdline GLOB '*/.docker/config.json*' OR cmdline GLOB '*/gcloud/*credentials*' OR cmdline GLOB '*/.azure/*Token*' OR cmdline GLOB '*/.git-credentials*' OR cmdline GLOB '*/.pgpass*' OR cmdline GLOB '*/.netrc*' OR cmdline GLOB '*/.vault-token*'
  OR cmdline GLOB '*/proc/*/environ*' OR cmdline GLOB '*/proc/*/mem*' OR cmdline GLOB '*.bash_history*' OR cmdline GLOB '*.zsh_history*' OR cmdline GLOB '*.mysql_history*' OR cmdline GLOB '*.psql_history*')
AND NOT {under proven package_managers}
