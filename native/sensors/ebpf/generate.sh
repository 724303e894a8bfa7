#!/bin/sh
# Generates generated/process_programs.lskel.h, a light skeleton, from programs/process.bpf.c with Debian 12's clang (14.0.6),
# bpftool (7.1.0) and libbpf-dev's headers for programs. A normal build of the project does not need these tools.
#   sh native/sensors/ebpf/generate.sh           writes the skeleton
#   sh native/sensors/ebpf/generate.sh --check   fails if the committed skeleton differs
set -eu
here=$(dirname "$(readlink -f "$0")")
PATH=$PATH:/usr/sbin
for tool in clang llvm-strip bpftool; do
  command -v $tool >/dev/null || {
    echo "generate.sh: no $tool: apt-get install clang llvm bpftool libbpf-dev" >&2
    exit 127
  }
done
# Other versions generate different code, which cannot be compared.
clang --version | grep -q '^Debian clang version 14\.0\.6' || { echo "generate.sh: not clang 14.0.6 of Debian 12" >&2; exit 1; }
bpftool version | grep -q '^[^ ]*bpftool v7\.1\.0' || { echo "generate.sh: not bpftool 7.1.0 of Debian 12" >&2; exit 1; }
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
cd "$here"
# The only system headers for the target are libbpf's for programs.
mkdir "$made/include"
ln -s /usr/include/bpf "$made/include/bpf"
clang -g -O2 -mcpu=v3 -target bpf -nostdinc -Wall -Wextra -Werror -Wno-unused-parameter -Wno-missing-field-initializers \
  -ffile-prefix-map="$here"=. -fdebug-compilation-dir=. -isystem "$made/include" -I. \
  -c programs/process.bpf.c -o "$made/process_programs.o"
llvm-strip -g "$made/process_programs.o"
bpftool gen skeleton -L "$made/process_programs.o" name process_programs >"$made/process_programs.lskel.h"
if [ "${1:-}" = --check ]; then
  cmp generated/process_programs.lskel.h "$made/process_programs.lskel.h" &&
    echo "generated/process_programs.lskel.h is up to date with programs/process.bpf.c"
else
  mkdir -p generated
  cp "$made/process_programs.lskel.h" generated/
fi
