#!/bin/sh
# Removes the package. Its own scripts remove the lines from extensions.load, end the extension and restore audit. This
# script repeats that if they failed, and removes rows and flags. May run again.
# PROCESS_ANCESTRY_ROOT: another root than /, to make images; no package manager is asked there.
set -eu
root=${PROCESS_ANCESTRY_ROOT:-}
package=osquery-process-ancestry

if [ -z "$root" ]; then
  if command -v dpkg-query >/dev/null && dpkg-query -W "$package" >/dev/null 2>&1; then
    DEBIAN_FRONTEND=noninteractive apt-get purge --assume-yes "$package"
  elif command -v rpm >/dev/null && rpm -q "$package" >/dev/null 2>&1; then
    rpm -e "$package"
  fi
fi
for list in "$root/etc/osquery/extensions.load" "$root/opt/orbit/extensions.load"; do
  [ -e "$list" ] || continue
  LC_ALL=C grep -aq '^[^#;]*/process_ancestry[.]ext[[:space:]]*$' "$list" || continue
  LC_ALL=C grep -av '^[^#;]*/process_ancestry[.]ext[[:space:]]*$' "$list" >"$list.new" || true
  chmod 0644 "$list.new"
  mv "$list.new" "$list"
done
rm -rf "$root/var/osquery/process_ancestry" "$root/opt/orbit/process_ancestry" "$root/var/lib/process_ancestry"
rm -f "$root/etc/osquery/process_ancestry.json"
echo "process_ancestry is removed"

[ -z "$root" ] || exit 0
# osqueryd looks for the extension until it is restarted. Later and by another process: Orbit runs this script.
if systemctl is-active --quiet orbit 2>/dev/null; then
  systemctl stop process-ancestry-restarts-orbit.timer 2>/dev/null || true
  systemd-run --quiet --collect --unit=process-ancestry-restarts-orbit --on-active=60 systemctl restart orbit
  echo "orbit restarts in a minute"
fi
