-- Technique: T1105, T1059.004
-- Means: a shell that reads what curl or wget prints, not started by a person: in a daemon's command, or the bare shell at the end of such a pipeline.
-- Look at: the address in the command or in the parent's, what else this parent has started.
-- Known: cron jobs and installers that do so on purpose; pin what they load instead.
interactive = 0
AND {program} IN {shells}
AND ({pipes 'curl ' to shell} OR {pipes 'wget ' to shell}
  OR cmdline GLOB '*sh -c *$(curl *' OR cmdline GLOB '*sh -c *$(wget *' OR cmdline GLOB '*sh <(curl *' OR cmdline GLOB '*sh <(wget *'
  OR ((args_count = 1 OR cmdline GLOB '*sh -' OR cmdline GLOB '*sh -s*') AND {creator} IN {shells}
    AND (ancestry->>'$[0].cmdline' GLOB '*curl *|*' OR ancestry->>'$[0].cmdline' GLOB '*wget *|*')))
