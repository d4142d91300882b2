#!/bin/sh
# run.sh BUILD - all tests: C units, corpora of the fuzz targets, busted specs, those of
# migrations-example too, and a short cut of the suite that makes things go wrong
#
# Each test makes its own database on a server that is started here. Ends with one line
# `N passed, N failed`; exits non-zero if anything failed or nothing ran.
set -u
build=$1
here=$(cd "$(dirname "$0")" && pwd)
if [ -z "${LUAMIG_TEST_URL:-}" ]; then
    LUAMIG_TEST_TCP=1 exec "$here/with-postgres.sh" "$0" "$@"
fi
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
passed=0 failed=0

# cmocka in its TAP form: ok and not ok lines; a test program that dies counts as one failed.
unit() {
    CMOCKA_MESSAGE_OUTPUT=TAP "$1" >"$out/unit" 2>"$out/unit.err"
    status=$?
    ok=$(grep -c '^ok' "$out/unit")
    bad=$(grep -c '^not ok' "$out/unit")
    if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then bad=1; fi
    if [ "$bad" -gt 0 ]; then
        echo "--- $1 (exit $status)"
        grep -v '^ok' "$out/unit"
        cat "$out/unit.err"
    fi
    passed=$((passed + ok)) failed=$((failed + bad))
}
for test in "$build"/tests/test_*; do
    case $test in *.o | *.d) continue ;; esac
    unit "$test"
done

# Past crashes and odd inputs, replayed.
for test in "$build"/tests/fuzz_*; do
    case $test in *.o | *.d) continue ;; esac
    corpus=$here/corpus/$(basename "$test" | sed 's/^fuzz_//')
    if "$test" "$corpus"/* >"$out/fuzz" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        cat "$out/fuzz"
    fi
done
echo "units: $passed passed, $failed failed"

# The specs by file, a few at once: they mostly wait. busted's TAP has a line for each, errors
# included. Those of the example project have the module in their own process, where a
# sanitizer's runtime must come before everything else.
asan=$(ldd "$build/luamig.so" | sed -n 's/.*libasan.* => \([^ ]*\).*/\1/p')
export LUAMIG="$PWD/$build/luamig" LUAMIG_BUILD="$PWD/$build" out asan
mkdir "$out/specs"
(
    "$here/faults/run.sh" "$build" brief >"$out/specs/faults.tap" 2>"$out/specs/faults.err"
    echo $? >"$out/specs/faults.status"
) &
find "$here/../spec" "$here/../migrations-example/spec" -name '*_spec.lua' | sort | xargs -r -P "${JOBS:-3}" -I {} sh -c '
    name=$(echo "$1" | tr / _)
    case $1 in */migrations-example/*) [ -z "$asan" ] || export LD_PRELOAD="$asan" ;; esac
    busted -o TAP --cpath="$LUAMIG_BUILD/?.so" "$1" >"$out/specs/$name.tap" 2>"$out/specs/$name.err"
    echo $? >"$out/specs/$name.status"' sh {}
wait
for status in "$out"/specs/*.status; do
    [ -f "$status" ] || continue
    tap=${status%.status}.tap
    ok=$(grep -c '^ok' "$tap")
    bad=$(grep -c '^not ok' "$tap")
    if [ "$(cat "$status")" -ne 0 ] && [ "$bad" -eq 0 ]; then bad=1; fi
    if [ "$bad" -gt 0 ]; then
        grep -v '^ok' "$tap"
        cat "${status%.status}.err"
    fi
    passed=$((passed + ok)) failed=$((failed + bad))
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
