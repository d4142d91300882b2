#!/bin/sh
# tls.sh start|stop - a server that takes TLS alone over TCP, beside that of with-postgres.sh
#
# start prints its folder and port. In the folder: ca.crt; a certificate each for localhost
# (server), for localhost in the past (expired), and for the client role 'cert' (client);
# another CA (other.crt). The roles 'cert' and 'other' must show a certificate.
set -eu
dir=$LUAMIG_TEST_DIR/tls
as_owner() {
    if [ "$(id -u)" -eq 0 ]; then setpriv --reuid=postgres --regid=postgres --clear-groups -- "$@"; else "$@"; fi
}

ca() { # NAME
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=$1" \
        -keyout "$1.key" -out "$1.crt" 2>/dev/null
}
signed() { # NAME COMMON-NAME DAYS
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$2" \
        -keyout "$1.key" -out "$1.csr" 2>/dev/null
    openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days "$3" -out "$1.crt" 2>/dev/null
}

cd "$LUAMIG_TEST_DIR"
case $1 in
start)
    port=$((30000 + $$ % 2000))
    as_owner "$PG_BINDIR/initdb" -D "$dir" -A trust -U postgres --no-sync -E UTF8 --locale=C >/dev/null
    cd "$dir"
    ca ca
    ca other
    signed server localhost 2
    signed expired localhost -1
    signed client cert 2
    chmod 600 ./*.key
    cat >>postgresql.conf <<CONF
listen_addresses = '127.0.0.1'
port = $port
unix_socket_directories = '$dir'
fsync = off
log_min_messages = fatal
ssl = on
ssl_ca_file = 'ca.crt'
ssl_cert_file = 'server.crt'
ssl_key_file = 'server.key'
CONF
    cat >pg_hba.conf <<CONF
local all all trust
hostssl all cert,other 127.0.0.1/32 cert
hostssl all all 127.0.0.1/32 trust
CONF
    [ "$(id -u)" -ne 0 ] || chown postgres:postgres server.key expired.key
    as_owner "$PG_BINDIR/pg_ctl" -D "$dir" -l "$dir/server.log" -w start >/dev/null
    psql -Xq -d "host=$dir port=$port user=postgres dbname=postgres" -c "CREATE ROLE cert LOGIN" -c "CREATE ROLE other LOGIN"
    echo "$dir $port"
    ;;
stop)
    as_owner "$PG_BINDIR/pg_ctl" -D "$dir" -m immediate -w stop >/dev/null
    rm -rf "$dir"
    ;;
esac
