#!/bin/sh
# Builds every *_fuzzer.cc here with libFuzzer, ASan and UBSan, from the parsers' own sources.
#   build.sh DIRECTORY    where the programs go, each by its file's name
set -eu
output=$1
cd "$(dirname "$0")"
mkdir -p "$output"
sources='../batch.cc ../events/events.cc'
for part in assembler audit_event group_change log_line log_reader login_record pack_event record record_readers \
  recorded_names syscalls syslog_prefix; do
  sources="$sources ../sensors/audit/$part.cc"
done
for part in components record_decoder ring; do
  if [ -e "../sensors/ebpf/$part.cc" ]; then sources="$sources ../sensors/ebpf/$part.cc"; fi
done
flags='-std=c++17 -g -O1 -fno-exceptions -Wall -Wextra -Werror -fsanitize=address,undefined -fno-sanitize-recover=all'
objects=$(mktemp -d)
trap 'rm -rf "$objects"' EXIT
for source in $sources; do
  # shellcheck disable=SC2086 # several words
  clang++ $flags -fsanitize=fuzzer-no-link -c "$source" -o "$objects/$(basename "$source" .cc).o"
done
for fuzzer in *_fuzzer.cc; do
  # shellcheck disable=SC2086
  clang++ $flags -fsanitize=fuzzer "$fuzzer" "$objects"/*.o -o "$output/${fuzzer%.cc}"
done
