#!/bin/sh
# standby.sh start|stop - a streaming standby of the server of with-postgres.sh; start prints
# the socket folder that it listens in
set -eu
dir=$LUAMIG_TEST_DIR/standby
as_owner() {
    if [ "$(id -u)" -eq 0 ]; then setpriv --reuid=postgres --regid=postgres --clear-groups -- "$@"; else "$@"; fi
}
cd "$LUAMIG_TEST_DIR"
case $1 in
start)
    as_owner "$PG_BINDIR/pg_basebackup" -d "$LUAMIG_TEST_URL" -D "$dir" -R -X stream -c fast
    as_owner mkdir -p "$dir/socket"
    as_owner "$PG_BINDIR/pg_ctl" -D "$dir" -l "$dir/server.log" -w \
        -o "-k '$dir/socket' -c listen_addresses=''" start >/dev/null
    echo "$dir/socket"
    ;;
stop)
    as_owner "$PG_BINDIR/pg_ctl" -D "$dir" -m immediate -w stop >/dev/null
    rm -rf "$dir"
    ;;
esac
