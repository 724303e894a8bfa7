-- Technique: T1105, T1059.004
-- Means: a shell runs the output of curl or wget and was not started by an interactive user: in a daemon's command, or as the last command of such a pipeline.
-- Look at: the address in the command line of the process or its parent; other children of the parent.
-- Known: cron jobs and installers that do this by design: pin and verify the downloaded script instead.
interactive = 0
AND {program} IN {shells}
AND ({pipes 'curl ' to shell} OR {pipes 'wget ' to shell}
  OR cmdline GLOB '*sh -c *$(curl *' OR cmdline GLOB '*sh -c *$(wget *' OR cmdline GLOB '*sh <(curl *' OR cmdline GLOB '*sh <(wget *'
  OR ((args_count = 1 OR cmdline GLOB '*sh -' OR cmdline GLOB '*sh -s*') AND {creator} IN {shells}
    AND (ancestry->>'$[0].cmdline' GLOB '*curl *|*' OR ancestry->>'$[0].cmdline' GLOB '*wget *|*')))
