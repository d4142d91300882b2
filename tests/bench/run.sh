#!/bin/sh
# run.sh BUILD - what luamig costs, as ratios against one psql session in the same run
#
# Each round applies the same 1,000 small migrations to an empty database, once with psql
# (BEGIN, INSERT, file, COMMIT per file) and once with luamig, in both orders; the medians
# of all rounds are compared. fsync is on. dbmate is measured too where it is installed.
set -eu
build=${1:-build}
rounds=${ROUNDS:-5}
count=${COUNT:-1000}
here=$(cd "$(dirname "$0")" && pwd)

if [ -z "${LUAMIG_TEST_URL:-}" ]; then
    LUAMIG_TEST_TCP=1 LUAMIG_TEST_FSYNC=on exec "$here/../with-postgres.sh" "$0" "$@"
fi

dir=$(mktemp -d "${TMPDIR:-/tmp}/luamig-bench.XXXXXX")
trap 'rm -rf "$dir"' EXIT
timed=$build/tests/bench/timed

# The files, and psql's script that does what luamig does for them.
mkdir -p "$dir/migrations" "$dir/lua" "$dir/rows" "$dir/many" "$dir/dbmate"
{
    echo "CREATE SCHEMA luamig;"
    echo "CREATE TABLE luamig.applied_migrations (version bigint PRIMARY KEY, name text NOT NULL,"
    echo "  applied_at timestamptz NOT NULL DEFAULT now(), checksum text);"
} >"$dir/psql.sql"
i=1
while [ "$i" -le "$count" ]; do
    v=$(printf %05d "$i")
    text="CREATE TABLE bench_$v (id bigint PRIMARY KEY, name text);"
    echo "$text" >"$dir/migrations/${v}_table.up.sql"
    echo "db:exec '$text'" >"$dir/lua/${v}_table.up.lua"
    printf -- '-- migrate:up\n%s\n-- migrate:down\nDROP TABLE bench_%s;\n' "$text" "$v" \
        >"$dir/dbmate/${v}_table.sql"
    {
        echo "BEGIN;"
        echo "INSERT INTO luamig.applied_migrations (version, name) VALUES ($i, 'table');"
        echo "\\i $dir/migrations/${v}_table.up.sql"
        echo "COMMIT;"
    } >>"$dir/psql.sql"
    i=$((i + 1))
done

# A new database each time; none is dropped before the end, because file systems are slow
# to give out the inodes of files that were deleted a moment ago.
database=0
fresh() {
    database=$((database + 1))
    psql -XqAt -d "$LUAMIG_TEST_URL" -c "CREATE DATABASE bench_$database" -c "CHECKPOINT"
}

# url SOCKET|TCP: the same server either way
url() {
    case $1 in
    socket) echo "$LUAMIG_TEST_URL" | sed "s|///postgres|///bench_$database|" ;;
    tcp) echo "$LUAMIG_TEST_TCP_URL" | sed "s|/postgres\$|/bench_$database|" ;;
    esac
}

# one NAME WAY COMMAND...: a measured run on an empty database
one() {
    name=$1 way=$2
    shift 2
    "$timed" "$@" 3>>"$dir/$name-$way.times" >"$dir/out" 2>&1 || {
        cat "$dir/out"
        exit 1
    }
}
run_psql() { fresh; one psql "$1" psql -Xq -d "$(url "$1")" -v ON_ERROR_STOP=1 -f "$dir/psql.sql"; }
run_luamig() { fresh; one luamig "$1" "$build/luamig" up --dir "$dir/migrations" --database "$(url "$1")" --timeout 30m; }
run_lua() { fresh; one lua "$1" "$build/luamig" up --dir "$dir/lua" --database "$(url "$1")" --timeout 30m; }
run_dbmate() { fresh; one dbmate "$1" dbmate --url "$(url "$1")" --no-dump-schema -d "$dir/dbmate" up; }

median() { cut -d' ' -f1 "$1" | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
largest() { cut -d' ' -f2 "$1" | sort -n | tail -1; }

for way in socket tcp; do
    round=1
    while [ "$round" -le "$rounds" ]; do
        if [ $((round % 2)) -eq 1 ]; then
            run_psql $way; run_luamig $way; run_lua $way
        else
            run_lua $way; run_luamig $way; run_psql $way
        fi
        if command -v dbmate >/dev/null 2>&1; then run_dbmate $way; fi
        round=$((round + 1))
    done
done

echo "$count small migrations on an empty database, median of $rounds rounds, one psql session = 1.00"
for way in socket tcp; do
    for tool in psql luamig lua dbmate; do
        [ -f "$dir/$tool-$way.times" ] || continue
        awk -v tool=$tool -v way=$way -v ms="$(median "$dir/$tool-$way.times")" \
            -v base="$(median "$dir/psql-$way.times")" -v kb="$(largest "$dir/$tool-$way.times")" \
            'BEGIN { printf "  %-7s %-7s %8.0f ms  %5.2f  %5.1f MB\n", way, tool, ms, ms / base, kb / 1024 }'
    done
done
for way in socket tcp; do
    awk -v way=$way -v lua="$(median "$dir/lua-$way.times")" -v sql="$(median "$dir/luamig-$way.times")" \
        'BEGIN { printf "the same in Lua, one db:exec each, %s: %.2f of the same in SQL\n", way, lua / sql }'
done

# A cursor over many rows.
cat >"$dir/rows/1_rows.up.lua" <<'LUA'
-- luamig: timeout=30m
local n = 0
for row in db:rows("SELECT i AS id, 'name ' || i AS name FROM generate_series(1, $1::int) i", vars.ROWS) do
    n = n + (row.name and 1 or 0)
end
assert(n == tonumber(vars.ROWS))
LUA
fresh
"$timed" "$build/luamig" up --dir "$dir/rows" --database "$(url socket)" --set ROWS="${ROWS:-10000000}" \
    3>>"$dir/rows.times" >"$dir/out" 2>&1 || cat "$dir/out"
awk -v rows="${ROWS:-10000000}" '{ printf "db:rows over %d rows: %.1f s, %.0fk rows/s, %.1f MB\n",
    rows, $1 / 1000, rows / $1, $2 / 1024 }' "$dir/rows.times"

# Nothing to do, with 10,000 files.
i=1
while [ "$i" -le 10000 ]; do
    : >"$dir/many/$(printf %05d "$i")_empty.up.sql"
    i=$((i + 1))
done
fresh
"$build/luamig" up -q --dir "$dir/many" --database "$(url socket)" --timeout 30m >/dev/null 2>&1
for round in 1 2 3 4 5; do
    "$timed" "$build/luamig" up --dir "$dir/many" --database "$(url socket)" 3>>"$dir/nothing" >/dev/null 2>&1
done
printf 'nothing pending, 10,000 files: %s ms, %s\n' "$(median "$dir/nothing")" \
    "$(largest "$dir/nothing" | awk '{ printf "%.1f MB", $1 / 1024 }')"
