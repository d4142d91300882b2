#!/bin/sh
# matrix.sh BUILD - the specs on each server whose programs are in a folder of PG_BINDIRS
#
# Five at a time (JOBS): specs mostly wait. TAGS=server runs only the specs that depend on the
# server's version, SPECS="spec/cli/up_spec.lua" only those of some files. Prints what failed and
# a line for each server, then `N passed, N failed`; exits non-zero if anything failed or nothing
# ran.
set -u
here=$(cd "$(dirname "$0")" && pwd)

# one BUILD FOLDER BINDIR: the specs on one server; report and counts go to files in FOLDER
one() {
    out=$(mktemp -d "$2/XXXXXX")
    LUAMIG=$PWD/$1/luamig LUAMIG_BUILD=$PWD/$1 LUAMIG_TEST_TCP=1 PG_BINDIR=$3 \
        "$here/with-postgres.sh" busted -o TAP --cpath="$PWD/$1/?.so" ${TAGS:+"--tags=$TAGS"} \
        ${SPECS:-} >"$out/tap" 2>"$out/err"
    status=$?
    ok=$(grep -c '^ok' "$out/tap")
    bad=$(grep -c '^not ok' "$out/tap")
    [ "$status" -eq 0 ] && [ "$ok" -gt 0 ] || [ "$bad" -gt 0 ] || bad=1
    [ "$bad" -eq 0 ] || grep -v '^ok' "$out/tap" "$out/err" -h >"$out/report"
    version=$("$3/postgres" --version 2>/dev/null | sed 's/.*QL) //; s/ .*//')
    echo "PostgreSQL ${version:-in $3}: $ok passed, $bad failed" >>"$out/report"
    cat "$out/report"
    echo "$ok $bad" >"$out/count"
}
if [ "$1" = one ]; then
    shift
    one "$@"
    exit
fi

if [ -z "${PG_BINDIRS:-}" ]; then
    echo "PG_BINDIRS names no server: write the folders that hold postgres and initdb" >&2
    exit 2
fi
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
echo "$PG_BINDIRS" | xargs -n 1 -P "${JOBS:-5}" "$0" one "$1" "$out"
cat "$out"/*/count | awk '{ passed += $1; failed += $2 }
    END { printf "%d passed, %d failed\n", passed, failed; exit failed > 0 || passed == 0 }'
