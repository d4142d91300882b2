#!/bin/sh
# restart.sh - restarts the server of with-postgres.sh as a power cut would
set -eu
cd "$LUAMIG_TEST_DIR"
set -- "$PG_BINDIR/pg_ctl" -D "$LUAMIG_TEST_DIR/data" -l "$LUAMIG_TEST_DIR/server.log" -m immediate -w restart
[ "$(id -u)" -ne 0 ] || set -- setpriv --reuid=postgres --regid=postgres --clear-groups -- "$@"
exec "$@" >/dev/null
