#!/bin/sh
# Builds every *_fuzzer.cc of this directory with libFuzzer, ASan and UBSan, from the sources of the parsers.
#   build.sh DIRECTORY    writes the programs there, each with the name of its file
set -eu
mkdir -p "$1"
output=$(cd "$1" && pwd)
cd "$(dirname "$0")"
flags='-std=c++17 -g -O1 -fno-exceptions -Wall -Wextra -Werror -fsanitize=address,undefined -fno-sanitize-recover=all'
objects=$(mktemp -d)
trap 'rm -rf "$objects"' EXIT
export flags objects
# shellcheck disable=SC2016 # expanded by the shell that compiles
compile='clang++ $flags -fsanitize=fuzzer-no-link -c "$1" -o "$objects/$(echo "$1" | tr -d . | tr / _).o"'
# addon.cc needs Node.
find .. ../events ../sensors/* -maxdepth 1 -name '*.cc' ! -name addon.cc |
  xargs -n 1 -P 2 sh -c "$compile" compile
# The linker takes from the archive only what a target needs.
ar rc "$objects/all.a" "$objects"/*.o
for fuzzer in *_fuzzer.cc; do
  # shellcheck disable=SC2086
  clang++ $flags -fsanitize=fuzzer "$fuzzer" "$objects/all.a" -o "$output/${fuzzer%.cc}"
done
