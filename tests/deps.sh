#!/bin/sh
# deps.sh WHAT... - installs the packages that building (build), the demo (demo), the tests
# (test), lint (lint) and make valgrind (valgrind) need
#
# Does nothing if all are there. On Debian and Ubuntu it installs them, as root or with
# sudo; elsewhere it prints the list and stops.
set -eu

packages() {
    case $1 in
    build) echo gcc libc6-dev make pkg-config libpq-dev liblua5.4-dev libssl-dev libjson-c-dev ;;
    demo) echo postgresql postgresql-client util-linux ;;
    test) echo lua5.4 lua-busted lua-dkjson libcmocka-dev libpg-query-dev faketime openssl procps pgbouncer ;;
    lint) echo clang clang-format cppcheck lua-check ;;
    valgrind) echo valgrind ;;
    esac
}

is_installed() { dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'install ok installed'; }

wanted=
for what in "$@"; do wanted="$wanted $(packages "$what")"; done
if ! command -v dpkg-query >/dev/null 2>&1 || ! command -v apt-get >/dev/null 2>&1; then
    echo "These are Debian's names of what luamig needs here; install them or their like:" >&2
    echo " $wanted" >&2
    [ -n "${LUAMIG_HAVE_DEPS:-}" ] && exit 0
    echo "then say LUAMIG_HAVE_DEPS=1 to make." >&2
    exit 1
fi

missing=
for package in $wanted; do is_installed "$package" || missing="$missing $package"; done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -eq 0 ]; then
    sudo=
elif command -v sudo >/dev/null 2>&1; then
    sudo=sudo
else
    echo "missing packages:$missing" >&2
    echo "install them as root: apt-get install$missing" >&2
    exit 1
fi

# Debian's server package makes and starts a cluster on port 5432 unless told not to.
conf=/etc/postgresql-common/createcluster.d/luamig.conf
case " $missing " in
*" postgresql "*)
    if [ ! -e "$conf" ]; then
        $sudo mkdir -p "${conf%/*}"
        echo "create_main_cluster = false" | $sudo tee "$conf" >/dev/null
    fi
    ;;
esac

# Its PgBouncer would be a running service; the tests start their own.
log=$(mktemp)
policy=
case " $missing " in
*" pgbouncer "*)
    if [ ! -e /usr/sbin/policy-rc.d ]; then
        policy=/usr/sbin/policy-rc.d
        trap '$sudo rm -f "$policy"' EXIT
        printf '#!/bin/sh\nexit 101\n' | $sudo tee "$policy" >/dev/null
        $sudo chmod 755 "$policy"
    fi
    ;;
esac
echo "installing$missing"
if ! { $sudo apt-get update && $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y \
    --no-install-recommends -o DPkg::Lock::Timeout=120 $missing; } >"$log" 2>&1; then
    tail -20 "$log" >&2
    exit 1
fi
[ -z "$policy" ] || $sudo update-rc.d pgbouncer disable >/dev/null 2>&1 || true
rm -f "$log"
