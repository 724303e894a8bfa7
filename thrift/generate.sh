#!/bin/sh
# Makes thrift/gen-nodejs from thrift/osquery.thrift with Debian's thrift-compiler (0.17).
#   sh thrift/generate.sh           writes it
#   sh thrift/generate.sh --check   fails when what is committed is not what the compiler makes
set -eu
here=$(dirname "$(readlink -f "$0")")
command -v thrift >/dev/null || { echo "thrift/generate.sh: no thrift compiler: apt-get install thrift-compiler" >&2; exit 127; }
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
thrift --gen js:node,ts,es6 -out "$made" "$here/osquery.thrift"
printf '{ "type": "commonjs" }\n' >"$made/package.json"
if [ "${1:-}" = --check ]; then
  diff -ru "$here/gen-nodejs" "$made" && echo "thrift/gen-nodejs is what $(thrift --version) makes of osquery.thrift"
else
  rm -rf "$here/gen-nodejs"
  mkdir "$here/gen-nodejs"
  cp "$made"/* "$here/gen-nodejs/"
fi
