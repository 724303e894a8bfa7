#!/bin/sh
# Runs after the installation of the .deb or .rpm: the steps for hosts where Fleet's agent, Orbit, runs osqueryd. May run
# again.
# PROCESS_ANCESTRY_ROOT: another root than /, to make images; nothing is restarted there.
set -eu
root=${PROCESS_ANCESTRY_ROOT:-}
extension=/usr/lib/osquery-process-ancestry/process_ancestry.ext
default_list=$root/etc/osquery/extensions.load
orbit_list=$root/opt/orbit/extensions.load

[ -x "$root$extension" ] || {
  echo "$root$extension does not exist: the package is not installed" >&2
  exit 1
}

# The lines of a list for other extensions. Lines that begin with # or ; are comments.
others() {
  [ ! -e "$1" ] || LC_ALL=C grep -aEv '^[[:space:]]*([#;]|$)|/process_ancestry[.]ext[[:space:]]*$' "$1" || true
}

# Orbit writes this list from the agent option "extensions". If that is empty, it empties the file and restarts
# (orbit/pkg/update/flag_runner.go). osqueryd reads the list if it is not empty, otherwise its default.
if [ -n "$(others "$orbit_list")" ]; then
  echo "$orbit_list has extensions that Fleet distributes, and Orbit overwrites added lines:" >&2
  echo "distribute process_ancestry in the same way (agent option extensions)" >&2
  exit 1
fi
if [ -e "$orbit_list" ]; then : >"$orbit_list"; fi

# A line that an administrator commented out stays a comment.
if [ ! -e "$default_list" ] || ! LC_ALL=C grep -aEq "^[#;[:space:]]*$extension[[:space:]]*\$" "$default_list"; then
  mkdir -p "$(dirname "$default_list")"
  {
    [ ! -e "$default_list" ] || LC_ALL=C grep -av '/process_ancestry[.]ext[[:space:]]*$' "$default_list" || true
    echo "$extension"
  } >"$default_list.new"
  chmod 0644 "$default_list.new"
  mv "$default_list.new" "$default_list"
fi
echo "osqueryd loads $extension at its next start ($default_list)"

[ -z "$root" ] || exit 0
# Later and by another process: Orbit runs this script, and has to report its result.
if systemctl is-active --quiet orbit 2>/dev/null; then
  systemctl stop process-ancestry-restarts-orbit.timer 2>/dev/null || true
  systemd-run --quiet --collect --unit=process-ancestry-restarts-orbit --on-active=60 systemctl restart orbit
  echo "orbit restarts in a minute"
fi
