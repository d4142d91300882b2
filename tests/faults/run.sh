#!/bin/sh
# run.sh BUILD [brief] [NAME] - the suite that makes things go wrong, on a server of its own
set -eu
build=$(cd "$1" && pwd)
shift
here=$(cd "$(dirname "$0")" && pwd)
LUAMIG=$build/luamig LUAMIG_BUILD=$build LUAMIG_FAULTS=$here LUAMIG_TEST_TCP='' \
    exec "$here/../with-postgres.sh" "$build/tests/faults/faults" "$@"
