-- Technique: T1552.001, T1552.004
-- Means: a command searches files for passwords, private keys or cloud credentials, or a known tool for that runs.
-- Look at: what was found; the session's other commands.
-- Known: developers who search their source code; scanners for secrets in builds.
(({program} IN ('grep', 'egrep', 'fgrep', 'rg', 'ag', 'ugrep', 'zgrep')
    AND (cmdline GLOB '*PRIVATE KEY*' OR cmdline LIKE '%aws_secret%' OR cmdline LIKE '%aws_access_key%' OR cmdline GLOB '*AKIA*'
      OR ((cmdline LIKE '%passw%' OR cmdline LIKE '%secret%' OR cmdline LIKE '%api_key%' OR cmdline LIKE '%apikey%')
        AND ({program} IN ('rg', 'ag') OR {option 'rR'} OR cmdline GLOB '* --recursive*')
        AND (cmdline || ' ' GLOB '* / *' OR cmdline GLOB '* /etc*' OR cmdline GLOB '* /home*' OR cmdline GLOB '* /root*' OR cmdline GLOB '* /var*' OR cmdline GLOB '* /opt*' OR cmdline GLOB '* /srv*'))))
  OR ({program} IN ('find', 'locate', 'plocate', 'mlocate', 'fd', 'fdfind')
    AND (cmdline GLOB '*id_rsa*' OR cmdline GLOB '*id_dsa*' OR cmdline GLOB '*id_ecdsa*' OR cmdline GLOB '*id_ed25519*' OR cmdline GLOB '*.aws/credentials*' OR cmdline GLOB '*kubeconfig*' OR cmdline GLOB '*.kube/config*' OR cmdline GLOB '*.git-credentials*' OR cmdline GLOB '*.kdbx*' OR cmdline GLOB '*.pgpass*' OR cmdline GLOB '*.netrc*' OR cmdline LIKE '%passw%' OR cmdline GLOB '*_history*' OR cmdline GLOB '*wp-config*'))
  OR {program} IN ('trufflehog', 'gitleaks', 'mimipenguin', 'lazagne', 'laZagne', 'unshadow', 'john', 'hashcat'))
