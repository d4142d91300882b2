#!/bin/sh
# fuzz.sh SECONDS [TARGET...] - each fuzz target with clang's libFuzzer
#
# What makes one fail is left in its folder of tests/corpus, which `make test` replays.
# What it learned stays in build-fuzz for the next time.
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-60}
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || set -- $(cd tests && ls fuzz_*.c | sed 's/^fuzz_\(.*\)\.c$/\1/')
sanitize=-fsanitize=address,undefined,fuzzer
make --no-print-directory -j2 BUILD=build-fuzz CC=clang CFLAGS='-O1 -g' \
    HARDEN="-fPIE -DLUAMIG_LIBFUZZER -fno-omit-frame-pointer ${sanitize}-no-link" \
    LDFLAGS="$sanitize" $(printf ' build-fuzz/tests/fuzz_%s' "$@")
for name in "$@"; do
    target=build-fuzz/tests/fuzz_$name
    found=build-fuzz/found/$name
    words=tests/corpus/$name.dict
    mkdir -p "$found" "tests/corpus/$name"
    echo "fuzz_$name: $seconds s"
    "$target" -max_total_time="$seconds" -timeout=10 -artifact_prefix="tests/corpus/$name/" \
        $([ ! -f "$words" ] || echo "-dict=$words") \
        "$found" "tests/corpus/$name" 2>"$target.log" || { tail -30 "$target.log"; exit 1; }
    tail -1 "$target.log"
done
