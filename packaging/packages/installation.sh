# What the scripts of the .deb and of the .rpm do. packaging/packages/make.ts puts this text into each of them.

extension=/usr/lib/osquery-process-ancestry/process_ancestry.ext
osquery=/etc/osquery
orbit=/opt/orbit
systemd=/run/systemd/system
state=/var/lib/osquery-process-ancestry
# A line a file or folder that was not there before us, and goes again when it is empty.
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

# Whether the file names the extension. osquery trims lines, and takes those that begin with # or ; for comments
# (osquery/extensions/extensions.cpp, isFileSafe): $2 is a bracket expression of what may stand before.
names_extension() {
  LC_ALL=C grep -aEq "^${2}*$(line_pattern)[[:space:]]*\$" "$1"
}

line_pattern() {
  printf '%s' "$extension" | sed 's/[.]/[.]/g'
}

# Adds the extension to a list of those that osqueryd starts. One that an administrator has made a comment stays one.
enlist() {
  list=$(readlink -f -- "$1") || {
    say "$1 leads nowhere: where it does, put this line into it: $extension"
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
  # A last line without an end would become one with ours.
  [ -z "$(tail -c 1 -- "$unfinished")" ] || echo >>"$unfinished"
  printf '%s\n' "$extension" >>"$unfinished"
  mv -f -- "$unfinished" "$list"
}

# Takes it out again, and the list too where it was made for it and nothing else is in it.
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

# The processes of this very installation that record: not a prompt of ours, not a container's copy.
# $1: '' for all, ' (deleted)' for those of a file that has been replaced or removed.
extension_pids() {
  for executable in $(find /proc/[0-9]*/exe -maxdepth 0 -lname "$extension*$1" 2>/dev/null); do
    process=${executable%/exe}
    case $(readlink "$executable" 2>/dev/null) in
    "$extension" | "$extension (deleted)") ;;
    *) continue ;;
    esac
    [ "$process/root" -ef / ] || continue
    # It may have left meanwhile.
    if { tr '\0' '\n' <"$process/cmdline" | grep -qx -e --socket; } 2>/dev/null; then echo "${process#/proc/}"; fi
  done
}

is_any_alive() {
  for pid in "$@"; do
    # One that nobody has waited for yet has no file any more.
    if [ -d "/proc/$pid" ] && readlink "/proc/$pid/exe" >/dev/null 2>&1; then return 0; fi
  done
  return 1
}

# Each puts back what it changed in the kernel, and leaves within a second. $1: as above.
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

# osqueryd reads the list when it starts. Other people's services are restarted only when asked for, and later: it
# may be Orbit that installs this, and that would wait for itself. $1: why they should be.
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
      say "$unit could not be told to restart: systemctl restart $unit"
    fi
  done
}

# Not as the package managers tell first installations from upgrades: after a removal without purge, dpkg speaks of an
# upgrade.
after_installation() {
  if [ -n "$(extension_pids '')" ]; then
    # Where Orbit has emptied its own list since, it would restart for being given a line again.
    enlist_for_osqueryd
    # osqueryd's watcher starts the new file in the place of the one that ends.
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
  # What one that was killed has left in the kernel: there is no next start that would put it back.
  if [ -d /proc/self ]; then "$extension" cleanup || :; fi
  # The watcher warns every 3 seconds of a file that is gone (osquery/core/watcher.cpp, createExtension).
  if [ -n "$running" ]; then restart_osquery_if_asked 'osqueryd looks for the extension until it is started again'; fi
}

# osqueryd's watcher may have started another while the file was there.
after_removal() {
  end_extensions ''
  rmdir /run/process_ancestry 2>/dev/null || :
  remove_made
}

# What somebody keeps something in stays, and is still known to be ours to remove.
remove_made() {
  if was_made "$osquery"; then rmdir "$osquery" 2>/dev/null || return 0; fi
  forget_made
}

forget_made() {
  rm -f -- "$made"
  rmdir "$state" 2>/dev/null || :
}
