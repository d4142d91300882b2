#!/bin/sh
# standby.sh start|stop|sql TEXT - a streaming standby of the server of with-postgres.sh; start
# prints the socket folder that it listens in, sql runs a statement there
#
# Copied as any backup is, without pg_basebackup: not every server's folder has one. There is
# one at a time: whoever counts the server's standbys must not see another test's.
set -eu
dir=$LUAMIG_TEST_DIR/standby
as_owner() {
    if [ "$(id -u)" -eq 0 ]; then setpriv --reuid=postgres --regid=postgres --clear-groups -- "$@"; else "$@"; fi
}
cd "$LUAMIG_TEST_DIR"
case $1 in
start)
    tries=900
    until mkdir "$dir.taken" 2>/dev/null; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || exit 1
        sleep 0.2
    done
    begin="pg_backup_start('standby', true)" end="pg_backup_stop(false)"
    if [ "$(psql -XqAt -d "$LUAMIG_TEST_URL" -c "SHOW server_version_num")" -lt 150000 ]; then
        begin="pg_start_backup('standby', true, false)" end="pg_stop_backup(false, false)"
    fi
    # Files come and go while they are copied; WAL makes good for that.
    psql -XqAt -v ON_ERROR_STOP=1 -d "$LUAMIG_TEST_URL" >"$dir.label" <<SQL
SELECT $begin \g /dev/null
\! cp -Rp data standby 2>/dev/null; rm -f standby/postmaster.*
SELECT labelfile FROM $end;
SQL
    cp "$dir.label" "$dir/backup_label"
    echo "primary_conninfo = '$LUAMIG_TEST_URL'" >>"$dir/postgresql.auto.conf"
    : >"$dir/standby.signal"
    mkdir "$dir/socket"
    [ "$(id -u)" -ne 0 ] || chown -R postgres "$dir"
    as_owner "$PG_BINDIR/pg_ctl" -D "$dir" -l "$dir/server.log" -w -t 180 \
        -o "-k '$dir/socket' -c listen_addresses=''" start >/dev/null
    echo "$dir/socket"
    ;;
sql)
    url=$(printf %s "$LUAMIG_TEST_URL" | sed "s|host=[^&]*|host=$dir/socket|")
    psql -XqAt -v ON_ERROR_STOP=1 -d "$url" -c "$2"
    ;;
stop)
    as_owner "$PG_BINDIR/pg_ctl" -D "$dir" -m immediate -w stop >/dev/null || true
    rm -rf "$dir" "$dir.label" "$dir.taken"
    ;;
esac
