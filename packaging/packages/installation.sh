# The steps of the .deb's and the .rpm's scripts. packaging/packages/make.ts puts this text into each of them.

extension=/usr/lib/osquery-process-ancestry/process_ancestry.ext
osquery=/etc/osquery
orbit=/opt/orbit
systemd=/run/systemd/system
state=/var/lib/osquery-process-ancestry
# One line per file or folder that this script made. It is removed again when it is empty.
made=$state/made

say() {
  echo "osquery-process-ancestry: $*" >&2
}

note_made() {
  mkdir -p "$state"
  printf '%s\n' "$1" >>"$made"
}

was_made() {
  [ -f "$made" ] && grep -qxF -e "$1" "$made"
}

# Whether the file names the extension. osquery trims lines, and lines that begin with # or ; are comments
# (osquery/extensions/extensions.cpp, isFileSafe). $2: a bracket expression of the characters that may come before.
names_extension() {
  LC_ALL=C grep -aEq "^${2}*$(line_pattern)[[:space:]]*\$" "$1"
}

line_pattern() {
  printf '%s' "$extension" | sed 's/[.]/[.]/g'
}

# Adds the extension to a list of osqueryd. A line that an administrator commented out stays a comment.
enlist() {
  list=$(readlink -f -- "$1") || {
    say "$1 is a broken link: when it is mended, add this line to it: $extension"
    return 0
  }
  if [ -e "$list" ]; then
    if names_extension "$list" '[#;[:space:]]'; then return 0; fi
    unfinished=$(mktemp -- "$list.XXXXXX")
    cp -a -- "$list" "$unfinished"
  else
    note_made "$list"
    unfinished=$(mktemp -- "$list.XXXXXX")
    chmod 0644 "$unfinished"
  fi
  # Without a line end, the last line would be joined with ours.
  [ -z "$(tail -c 1 -- "$unfinished")" ] || echo >>"$unfinished"
  printf '%s\n' "$extension" >>"$unfinished"
  mv -f -- "$unfinished" "$list"
}

# Removes it again. Removes the list too, if this script made it and it is empty.
delist() {
  list=$(readlink -f -- "$1") || return 0
  [ -f "$list" ] || return 0
  if names_extension "$list" '[[:space:]]'; then
    unfinished=$(mktemp -- "$list.XXXXXX")
    cp -a -- "$list" "$unfinished"
    LC_ALL=C grep -aEv "^[[:space:]]*$(line_pattern)[[:space:]]*\$" "$list" >"$unfinished" || [ $? -eq 1 ]
    mv -f -- "$unfinished" "$list"
  fi
  if [ ! -s "$list" ] && was_made "$list"; then rm -f -- "$list"; fi
}

is_enlisted() {
  for list in "$osquery/extensions.load" "$orbit/extensions.load"; do
    if [ -f "$list" ] && names_extension "$list" '[[:space:]]'; then return 0; fi
  done
  return 1
}

enlist_for_osqueryd() {
  if [ ! -d "$osquery" ]; then
    mkdir -p "$osquery"
    note_made "$osquery"
  fi
  enlist "$osquery/extensions.load"
}

enlist_everywhere() {
  enlist_for_osqueryd
  if [ -d "$orbit" ]; then enlist "$orbit/extensions.load"; fi
}

# The processes of this installation that record: not a shell, not a container's copy.
# $1: '' for all, ' (deleted)' for those of a file that has been replaced or removed.
extension_pids() {
  for executable in $(find /proc/[0-9]*/exe -maxdepth 0 -lname "$extension*$1" 2>/dev/null); do
    process=${executable%/exe}
    case $(readlink "$executable" 2>/dev/null) in
    "$extension" | "$extension (deleted)") ;;
    *) continue ;;
    esac
    [ "$process/root" -ef / ] || continue
    # It may have exited meanwhile.
    if { tr '\0' '\n' <"$process/cmdline" | grep -qx -e --socket; } 2>/dev/null; then echo "${process#/proc/}"; fi
  done
}

is_any_alive() {
  for pid in "$@"; do
    # A zombie has no file any more.
    if [ -d "/proc/$pid" ] && readlink "/proc/$pid/exe" >/dev/null 2>&1; then return 0; fi
  done
  return 1
}

# Each restores the kernel settings, and ends within a second. $1: as above.
end_extensions() {
  pids=$(extension_pids "$1")
  [ -n "$pids" ] || return 0
  # shellcheck disable=SC2086
  kill -TERM $pids 2>/dev/null || :
  tenths=50
  # shellcheck disable=SC2086
  while is_any_alive $pids; do
    tenths=$((tenths - 1))
    if [ "$tenths" -eq 0 ]; then
      kill -KILL $pids 2>/dev/null || :
      say "process" $pids "did not end and was killed: see auditctl -l for rules with the key process_ancestry"
      return 0
    fi
    sleep 0.1
  done
}

# osqueryd reads the list when it starts. Services are restarted only on request, and later: if Orbit installs this package,
# a restart now would wait for itself. $1: the reason for a restart.
restart_osquery_if_asked() {
  if [ "${PROCESS_ANCESTRY_RESTART_OSQUERY:-}" != yes ]; then
    say "$1: systemctl restart osqueryd (with Fleet: orbit)"
    return 0
  fi
  if [ ! -d "$systemd" ]; then
    say "PROCESS_ANCESTRY_RESTART_OSQUERY needs systemd: restart osquery by hand"
    return 0
  fi
  for unit in osqueryd orbit; do
    systemctl is-active --quiet "$unit.service" || continue
    if systemd-run --quiet --collect --on-active=10 --unit="process-ancestry-restarts-$unit" \
      systemctl restart "$unit.service"; then
      say "$unit is restarted in 10 seconds"
    else
      say "$unit cannot be restarted: systemctl restart $unit"
    fi
  done
}

# The arguments of the package managers are not used: after a removal without purge, dpkg reports an upgrade.
after_installation() {
  if [ -n "$(extension_pids '')" ]; then
    # If Orbit has emptied its own list since, a new line would make it restart.
    enlist_for_osqueryd
    # osqueryd's watcher starts the new file after the old process ends.
    end_extensions ' (deleted)'
    return 0
  fi
  enlist_everywhere
  if is_enlisted; then restart_osquery_if_asked 'osquery loads the extension when it is started next'; fi
}

before_removal() {
  running=$(extension_pids '')
  delist "$osquery/extensions.load"
  delist "$orbit/extensions.load"
  end_extensions ''
  # Restores the kernel settings after a kill: no later start will do it.
  if [ -d /proc/self ]; then "$extension" cleanup || :; fi
  # The watcher warns every 3 seconds of a file that is gone (osquery/core/watcher.cpp, createExtension).
  if [ -n "$running" ]; then restart_osquery_if_asked 'osqueryd looks for the extension until it is started again'; fi
}

# osqueryd's watcher may have started another one before the file was removed.
after_removal() {
  end_extensions ''
  rmdir /run/process_ancestry 2>/dev/null || :
  remove_made
}

# A folder with other files stays, and stays in the note of files to remove.
remove_made() {
  if was_made "$osquery"; then rmdir "$osquery" 2>/dev/null || return 0; fi
  forget_made
}

forget_made() {
  rm -f -- "$made"
  rmdir "$state" 2>/dev/null || :
}
