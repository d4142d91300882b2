#!/bin/sh
# run.sh BUILD [brief] [NAME] - the suite that makes things go wrong; two at once, which mostly
# wait, each on a server of its own and with the next kind of fault that nobody has begun
set -eu
build=$(cd "$1" && pwd)
shift
here=$(cd "$(dirname "$0")" && pwd)
export LUAMIG="$build/luamig" LUAMIG_BUILD="$build" LUAMIG_FAULTS="$here" LUAMIG_TEST_TCP=''
[ "${1:-}" != brief ] || exec "$here/../with-postgres.sh" "$build/tests/faults/faults" "$@"

began=$(date +%s)
taken=$(mktemp -d)
trap 'rm -rf "$taken"' EXIT
export LUAMIG_FAULTS_TAKEN="$taken"
printf '%-44s %8s %8s %6s %8s\n' fault injected survived lost seconds
for at in 1 2; do
    env --default-signal=INT "$here/../with-postgres.sh" "$build/tests/faults/faults" "$@" ||
        echo "$at" >>"$taken/failed" &
done | tee "$taken/table"
awk -v seconds=$(($(date +%s) - began)) \
    '{ lost += substr($0, 64, 6) } END { printf "%d lost, in %d s\n", lost, seconds }' "$taken/table"
[ ! -e "$taken/failed" ]
