#!/bin/sh
# with-postgres.sh COMMAND... - runs COMMAND with a server of its own
#
# The server lives in a temporary folder, runs as a non-root user, listens on a unix socket
# there (with LUAMIG_TEST_TCP=1 on loopback too), and is gone afterwards. COMMAND finds it
# in LUAMIG_TEST_URL (LUAMIG_TEST_TCP_URL), its folder in LUAMIG_TEST_DIR, what its CREATE
# DATABASE ends with in LUAMIG_TEST_CREATE and the server's programs in PG_BINDIR. PG_BINDIR chooses the server; LUAMIG_TEST_FSYNC=on keeps fsync.
set -eu

newest() { find /usr/lib/postgresql -mindepth 2 -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -1; }
debian=$(newest)
PG_BINDIR=${PG_BINDIR:-$debian}
# Debian's /usr/bin/psql is a Perl script that looks for this one; specs start it thousands of times.
[ -z "$debian" ] || PATH=$debian:$PATH
dir=$(mktemp -d "${TMPDIR:-/tmp}/luamig-pg.XXXXXX")
owner=$(id -un)
[ "$(id -u)" -ne 0 ] || owner=postgres
chmod 755 "$dir"
[ "$(id -u)" -ne 0 ] || chown "$owner" "$dir"

as_owner() { # initdb and postgres refuse to run as root
    if [ "$(id -u)" -eq 0 ]; then setpriv --reuid="$owner" --regid="$owner" --clear-groups -- "$@"; else "$@"; fi
}
stop() {
    as_owner "$PG_BINDIR/pg_ctl" -D "$dir/data" -m immediate -w stop >/dev/null 2>&1 || true
    rm -rf "$dir"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

listen='' port=5432
if [ "${LUAMIG_TEST_TCP:-}" = 1 ]; then
    listen=127.0.0.1
    port=$((10000 + $$ % 20000)) # below the ephemeral ports
fi
cd "$dir" # a folder that the owner may enter
as_owner "$PG_BINDIR/initdb" -D "$dir/data" -A trust -U postgres --no-sync -E UTF8 --locale=C >"$dir/initdb.log" 2>&1 || {
    cat "$dir/initdb.log" >&2
    exit 1
}
cat >>"$dir/data/postgresql.conf" <<CONF
listen_addresses = '$listen'
port = $port
unix_socket_directories = '$dir'
fsync = ${LUAMIG_TEST_FSYNC:-off}
full_page_writes = ${LUAMIG_TEST_FSYNC:-off}
max_connections = 120
wal_keep_size = 2GB
max_prepared_transactions = 5
password_encryption = scram-sha-256
log_min_messages = fatal
timezone = 'UTC'
CONF
# One role that needs a password over TCP; everybody else is trusted.
{
    echo "host all luamig_password 127.0.0.1/32 scram-sha-256"
    cat "$dir/data/pg_hba.conf"
} >"$dir/hba" && cat "$dir/hba" >"$dir/data/pg_hba.conf"
as_owner "$PG_BINDIR/pg_ctl" -D "$dir/data" -l "$dir/server.log" -w start >/dev/null || {
    tail -20 "$dir/server.log" >&2
    exit 1
}
cd "$OLDPWD"

LUAMIG_TEST_URL="postgresql:///postgres?host=$dir&port=$port&user=postgres"
LUAMIG_TEST_TCP_URL="postgresql://postgres@127.0.0.1:$port/postgres"
LUAMIG_TEST_DIR=$dir
# How tests make a database: without its bytes going through the log it costs a tenth (15 and
# later; before, there is no other way). Each is a checkpoint, too: wal_keep_size is for standbys.
major=$("$PG_BINDIR/postgres" --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')
LUAMIG_TEST_CREATE=
[ "$major" -lt 15 ] || LUAMIG_TEST_CREATE='STRATEGY FILE_COPY'
export LUAMIG_TEST_URL LUAMIG_TEST_TCP_URL LUAMIG_TEST_DIR LUAMIG_TEST_CREATE PG_BINDIR PATH
"$@"
