#!/bin/sh
# layers.sh - an include points to its own layer or down, and libraries stay where they belong
set -eu
cd "$(dirname "$0")/.."
awk '
BEGIN {
    n = split("base plan pg backfill script engine cli", layer)
    for (i = 1; i <= n; i++) rank[layer[i]] = i
    rank["module"] = rank["cli"]
}
function wrong() { print FILENAME ":" FNR ": " $0; bad = 1 }
match($0, /^#include "[a-z]+\//) {
    split(FILENAME, part, "/"); target = substr($0, 11, RLENGTH - 11)
    from = (part[2] in rank) ? rank[part[2]] : 99
    if (rank[target] == 0 || rank[target] > from) wrong()
}
/^#include <libpq-fe\.h>/ { split(FILENAME, part, "/"); if (part[2] !~ /^(pg|backfill|script)$/) wrong() }
/^#include <l(ua|auxlib|ualib)\.h>/ { split(FILENAME, part, "/"); if (part[2] !~ /^(script|module)$/) wrong() }
/^#include <lauxlib\.h>/ { split(FILENAME, part, "/"); if (part[2] !~ /^(script|module)$/) wrong() }
/^#include <openssl\// { if (FILENAME !~ /base\/digest/) wrong() }
/^#include <json-c\// { if (FILENAME !~ /^src\/(cli\/|script\/json\.c)/) wrong() }
END { exit bad }
' src/*.c src/*/*.[ch]
