-- Technique: T1140, T1027
-- Means: a shell command decodes text (base64, xxd, openssl) and pipes it to a shell or interpreter.
-- Look at: the decoded text; the nearest ancestor that is a service, a session or cron.
-- Known: configuration management that transfers scripts this way (some Ansible modules): exclude by ancestor.
{program} IN {shells}
AND ({pipes 'base64*-d' to shell} OR {pipes 'xxd*-r' to shell} OR {pipes 'openssl*-d' to shell}
  OR ((cmdline GLOB '*base64*-d*|*python*' OR cmdline GLOB '*base64*-d*|*perl*') AND cmdline NOT GLOB '*|*python* -m *' AND cmdline NOT GLOB '*|*perl -[np]*') OR cmdline GLOB '*sh*<(*base64*-d*')
