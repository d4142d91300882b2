#!/bin/sh
# backfill.sh BUILD - db:backfill against the same UPDATE without luamig
#
# 1M rows (ROWS) in batches of 10,000, each way on a new table, in both orders: in a loop in
# the server (loop), by a client that asks where each batch ends and sends its UPDATE
# (client), and by db:backfill (map, sql), luamig's own tables being there. Then the largest
# resident size of a map over 10M rows (MOST_ROWS). fsync is on.
set -eu
build=${1:-build}
rounds=${ROUNDS:-3}
rows=${ROWS:-1000000}
here=$(cd "$(dirname "$0")" && pwd)

if [ -z "${LUAMIG_TEST_URL:-}" ]; then
    LUAMIG_TEST_FSYNC=on exec "$here/../with-postgres.sh" "$0" "$@"
fi

dir=$(mktemp -d "${TMPDIR:-/tmp}/luamig-bench.XXXXXX")
trap 'rm -rf "$dir"' EXIT
timed=$build/tests/bench/timed
mkdir "$dir/first" "$dir/map" "$dir/sql"

cat >"$dir/loop.sql" <<'SQL'
DO $$ DECLARE lo bigint := 0; hi bigint; BEGIN
  LOOP
    SELECT id INTO hi FROM users WHERE id > lo ORDER BY id OFFSET 9999 LIMIT 1;
    IF hi IS NULL THEN SELECT max(id) INTO hi FROM users WHERE id > lo; END IF;
    EXIT WHEN hi IS NULL;
    UPDATE users SET phone = '+41' || name WHERE id > lo AND id <= hi;
    COMMIT;
    lo := hi;
  END LOOP;
END $$;
SQL
{
    echo '\set lo 0'
    batch=0
    while [ "$batch" -lt "$(((rows + 9999) / 10000))" ]; do
        cat <<'SQL'
SELECT coalesce((SELECT id FROM users WHERE id > :lo ORDER BY id OFFSET 9999 LIMIT 1), max(id)) AS hi FROM users \gset
UPDATE users SET phone = '+41' || name WHERE id > :lo AND id <= :hi;
\set lo :hi
SQL
        batch=$((batch + 1))
    done
} >"$dir/client.sql"
cat >"$dir/first/0_first.up.lua" <<'LUA'
-- luamig: no-transaction
db:backfill { "first", table = "first", sql = "UPDATE first SET done = true WHERE {range}" }
LUA
cp "$dir/first/0_first.up.lua" "$dir/map"
cp "$dir/first/0_first.up.lua" "$dir/sql"
cat >"$dir/map/1_map.up.lua" <<'LUA'
-- luamig: no-transaction
db:backfill { "map", table = "users", read = "name", set = "phone", size = 10000, target = vars("TARGET", "0"),
  map = function(user) return { phone = "+41" .. user.name } end }
LUA
cat >"$dir/sql/1_sql.up.lua" <<'LUA'
-- luamig: no-transaction
db:backfill { "sql", table = "users", size = 10000, target = "0",
  sql = "UPDATE users SET phone = '+41' || name WHERE {range}" }
LUA

database=0
fresh() { # ROWS
    database=$((database + 1))
    psql -XqAt -d "$LUAMIG_TEST_URL" -c "CREATE DATABASE backfill_$database"
    url=$(echo "$LUAMIG_TEST_URL" | sed "s|///postgres|///backfill_$database|")
    psql -XqAt -d "$url" -c "CREATE TABLE users (id bigint PRIMARY KEY, name text, phone text)" \
        -c "INSERT INTO users SELECT i, 'name ' || i FROM generate_series(1, $1) i" \
        -c "CREATE TABLE first (id int PRIMARY KEY, done boolean)" -c "INSERT INTO first VALUES (1)"
    "$build/luamig" up --dir "$dir/first" --database "$url" 2>"$dir/out" || { cat "$dir/out"; exit 1; }
    psql -XqAt -d "$url" -c "VACUUM ANALYZE users" -c "CHECKPOINT"
}

one() { # NAME COMMAND...
    name=$1
    shift
    "$timed" "$@" 3>>"$dir/$name.times" >"$dir/out" 2>&1 || {
        cat "$dir/out"
        exit 1
    }
}
run_loop() { fresh "$rows"; one loop psql -Xq -d "$url" -v ON_ERROR_STOP=1 -f "$dir/loop.sql"; }
run_client() { fresh "$rows"; one client psql -XqAt -d "$url" -v ON_ERROR_STOP=1 -f "$dir/client.sql"; }
run_map() { fresh "$rows"; one map "$build/luamig" up --dir "$dir/map" --database "$url"; }
run_sql() { fresh "$rows"; one sql "$build/luamig" up --dir "$dir/sql" --database "$url"; }

median() { cut -d' ' -f1 "$1" | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
largest() { cut -d' ' -f2 "$1" | sort -n | tail -1; }

round=1
while [ "$round" -le "$rounds" ]; do
    if [ $((round % 2)) -eq 1 ]; then
        run_loop; run_client; run_map; run_sql
    else
        run_sql; run_map; run_client; run_loop
    fi
    round=$((round + 1))
done
echo "backfill of $rows rows in batches of 10,000, median of $rounds rounds; rows/s against loop, and against client"
for way in loop client map sql; do
    awk -v way=$way -v rows="$rows" -v ms="$(median "$dir/$way.times")" -v loop="$(median "$dir/loop.times")" \
        -v client="$(median "$dir/client.times")" -v kb="$(largest "$dir/$way.times")" \
        'BEGIN { printf "  %-6s %8.0f ms  %4.0fk rows/s  %5.2f  %5.2f  %5.1f MB\n", way, ms, rows / ms, loop / ms, client / ms, kb / 1024 }'
done

most=${MOST_ROWS:-10000000}
fresh "$most"
one most "$build/luamig" up --dir "$dir/map" --database "$url" --set TARGET=250ms
awk -v rows="$most" '{ printf "map over %d rows: %.1f s, %.0fk rows/s, %.1f MB\n", rows, $1 / 1000, rows / $1, $2 / 1024 }' \
    "$dir/most.times"
