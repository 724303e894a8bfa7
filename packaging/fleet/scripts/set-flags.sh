#!/bin/sh
# Writes the extension's flags on this host, for one-off changes: put the flags between the lines END. They are in force at
# the extension's next interval, 3 s, without a restart. An empty object removes all flags. Flags from Fleet's agent options
# (views, a report called process_ancestry_flags) win over this file.
# PROCESS_ANCESTRY_ROOT: another root than /.
set -eu
file=${PROCESS_ANCESTRY_ROOT:-}/etc/osquery/process_ancestry.json
mkdir -p "$(dirname "$file")"
umask 077
cat >"$file.new" <<'END'
{
  "process_ancestry_cache_size": 4000
}
END
# The file is replaced as a whole: the extension may read it at any time.
mv "$file.new" "$file"
echo "$file is written"
