#!/bin/busybox sh
# The first process of a guest. Records a forest with the extension, then sends the rows over the console. The kernel's
# command line gives `collector`, the flag's value, and `rounds` of the forest.
/bin/busybox mkdir -p /dev /proc /sys /run/guest /tmp /var/lib /root
/bin/busybox --install -s /bin
export PATH=/bin HOME=/root
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/shm
mount -t tmpfs tmpfs /dev/shm
mount -t cgroup2 cgroup2 /sys/fs/cgroup
exec </dev/null >/dev/console 2>&1
cd /run/guest

up_ms() { sed 's/\([0-9]*\)\.\([0-9][0-9]\) .*/\1\20/' /proc/uptime; }
reached() { echo "$1 $(up_ms)" >>reached; }
end() {
  echo "$1" >outcome
  dmesg >dmesg
  tar -c . | gzip | uuencode -m guest
  poweroff -f
}
# Copies lines of the pipe $1 to the file $2 until one has $3.
copy_until() {
  while read -r line; do
    echo "$line" >>"$2"
    case $line in *"$3"*) return ;; esac
  done <&"$1"
  end "the shell has ended before it said $3"
}
# Sends a statement, and waits for the answer to a second one, which follows it.
asked=0
ask() {
  asked=$((asked + 1))
  echo "$1; SELECT 'answer $asked' AS mark;" >&3
  copy_until 4 answers "\"answer $asked\""
}
# Returns when all earlier execs have been received: a process that starts now comes after them.
received() {
  sleep "$1" 3>&- 4>&- 5>&- &
  until grep -q "\"sleep $1\"" answers; do
    ask "SELECT cmdline FROM process_ancestry_events WHERE cmdline = 'sleep $1'"
  done
}

reached booted
mkfifo /run/statements /run/answers /run/log /run/pause
# Runs programs while the sensor opens. Each outlives the opening, but not the wait for missing details.
(while [ ! -e opened ]; do sleep 8 & read -rt 0.1 <>/run/pause; done) &
process_ancestry.ext shell --embedded --json --log-level info --collector "$collector" --events-actions exec,exit \
  --events-max 100000 --publish-wait-ms 10000 </run/statements >/run/answers 2>/run/log &
exec 3>/run/statements 4</run/answers 5</run/log
copy_until 5 log '"recording"'
cat <&5 >>log 3>&- 4>&- &
touch opened
reached recording
forest --truth truth.jsonl --seed guest --rounds "$rounds" --jobs 2 2>forest.log || end 'the forest failed'
reached grown
received 424241
since=$(up_ms)
until grep -q '"settled"' answers; do
  ask "SELECT 'settled' AS mark FROM process_ancestry_cache_stats WHERE queue_wait_ms < $(($(up_ms) - since))"
done
received 424242
reached settled
echo 'SELECT * FROM process_ancestry_cache_stats;' >&3
echo 'SELECT action, pid, cmdline, sid, pgid, exit_code, entity_id, ancestry FROM process_ancestry_events;' >&3
exec 3>&-
cat <&4 >>answers
reached ended
end done
