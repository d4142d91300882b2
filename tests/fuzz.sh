#!/bin/sh
# fuzz.sh SECONDS - each fuzz target with clang's libFuzzer; crashes become corpus files
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-60}
mkdir -p build-fuzz
for target in tests/fuzz_*.c; do
    name=$(basename "$target" .c)
    corpus=tests/corpus/${name#fuzz_}
    clang -std=c11 -D_GNU_SOURCE -DLUAMIG_LIBFUZZER -DLUAMIG_VERSION='"fuzz"' -Isrc -I. -g -O1 \
        -fsanitize=fuzzer,address,undefined -o "build-fuzz/$name" "$target" \
        src/base/*.c src/plan/*.c src/pg/*.c src/cli/dotenv.c src/script/decimal.c \
        src/script/json*.c src/script/raise.c src/script/value.c src/script/vm.c \
        $(pkg-config --cflags --libs lua5.4 libpq json-c) -lcrypto
    mkdir -p "build-fuzz/$name.found"
    echo "$name: $seconds s"
    "build-fuzz/$name" -max_total_time="$seconds" -artifact_prefix="$corpus/" \
        "build-fuzz/$name.found" "$corpus" 2>"build-fuzz/$name.log" || { tail -30 "build-fuzz/$name.log"; exit 1; }
    tail -1 "build-fuzz/$name.log"
done
