#!/bin/sh
# pooler.sh MODE SIZE DIR [SETTINGS] - starts a PgBouncer in front of the server of
# with-postgres.sh, with its socket in DIR and these lines in its file; prints its pid
set -eu
port=${LUAMIG_TEST_URL##*port=}
mkdir -m 777 -p "$3"
cd "$3"
rm -f pid
echo '"postgres" ""' >users
cat >ini <<CONF
[databases]
* = host=$LUAMIG_TEST_DIR port=${port%%&*}
[pgbouncer]
unix_socket_dir = $3
listen_addr =
listen_port = 6432
auth_type = trust
auth_file = $3/users
admin_users = postgres
pool_mode = $1
default_pool_size = $2
logfile = $3/log
pidfile = $3/pid
${4:-}
CONF
set -- "$(command -v pgbouncer || echo /usr/sbin/pgbouncer)" -q -d ini
[ "$(id -u)" -ne 0 ] || set -- setpriv --reuid=postgres --regid=postgres --clear-groups -- "$@"
"$@" >/dev/null 2>&1
for _ in $(seq 200); do
    if [ -s pid ] && [ -S .s.PGSQL.6432 ]; then
        cat pid
        exit
    fi
    sleep 0.05
done
cat log >&2
exit 1
