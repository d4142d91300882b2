#!/bin/sh
# valgrind.sh BUILD - unit tests, the fuzz targets' corpora and a short run of the program under
# valgrind: nothing unset is read, nothing freed is used, nothing is leaked
#
# Ends with one line `N clean, N not`; fails if any is not. Two at once.
set -eu
build=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
if [ -z "${LUAMIG_TEST_URL:-}" ]; then
    exec "$here/with-postgres.sh" "$0" "$@"
fi
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

export out here build
export VALGRIND='valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite,indirect'

# The program applies, looks at and undoes the example, whose hooks and backfills take part.
cat >"$out/program" <<'END'
set -eu
cp -r "$here/../migrations-example" "$out/migrations"
export LUAMIG_DATABASE="$LUAMIG_TEST_URL" LUAMIG_TIMEOUT=20m LUAMIG_MIGRATION_TIMEOUT=10m
for what in validate plan dry-run up 'status --json' verify history 'down --all --yes'; do
    $VALGRIND "$build/luamig" $what --dir "$out/migrations" --env test --set NOTIFY=true
done
END
# A line each: what it is called, and the command.
{
    for test in "$build"/tests/test_*; do
        case $test in *.o | *.d) ;; *) echo "${test##*/} exec \$VALGRIND $test" ;; esac
    done
    echo "luamig . $out/program"
    for test in "$build"/tests/fuzz_*; do
        case $test in *.o | *.d) ;; *) echo "${test##*/} exec \$VALGRIND $test $here/corpus/${test##*/fuzz_}/*" ;; esac
    done
} >"$out/all"
xargs -a "$out/all" -d '\n' -P 2 -n 1 sh -c '
    log=$(mktemp "$out/log.XXXXXX")
    if sh -c "${1#* }" >"$log" 2>&1; then
        echo "${1%% *}: clean" | tee -a "$out/clean"
    else
        echo "${1%% *}: not clean"
        cat "$log"
    fi' sh
clean=$(cat "$out/clean" 2>/dev/null | wc -l)
all=$(wc -l <"$out/all")
echo "$clean clean, $((all - clean)) not"
[ "$clean" -eq "$all" ]
