#!/bin/sh
# sizes.sh - no function over 40 lines (a switch or table of cases: 60), no file over 500
set -eu
cd "$(dirname "$0")/.."
find src -name '*.c' | xargs awk '
FNR == 1 { start = 0 }
/^\{/ { start = FNR; cases = 0 }
/case |\{ "/ { cases++ }
/^\}/ {
    length_ = FNR - start - 1
    if (start && (length_ > 60 || (length_ > 40 && cases < 8))) {
        printf "%s:%d: function of %d lines\n", FILENAME, start, length_; bad = 1
    }
    start = 0
}
END { exit bad }'
find src lua -name '*.[ch]' -o -name '*.lua' | xargs wc -l |
    awk '$2 != "total" && $1 > 500 { printf "%s: %d lines\n", $2, $1; bad = 1 } END { exit bad }'
