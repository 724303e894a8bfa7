#!/bin/sh
# Writes the extension's flags on this host, for one-off changes: put what you want between the lines END. They are in
# force at the extension's next interval, 3 s, and nothing is restarted. An object without flags takes all away.
# What Fleet's agent options say (views, a report called process_ancestry_flags) wins over this file.
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
# Whole or not at all: the extension reads it when it likes.
mv "$file.new" "$file"
echo "$file is written"
