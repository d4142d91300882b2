#!/bin/sh
# demo.sh LUAMIG - the main job on migrations-example, with a throw-away PostgreSQL
set -eu
here=$(cd "$(dirname "$0")" && pwd)
if [ -z "${LUAMIG_TEST_URL:-}" ]; then
    exec "$here/with-postgres.sh" "$0" "$@"
fi
luamig=$(cd "$(dirname "$1")" && pwd)/luamig
dir=$(mktemp -d "${TMPDIR:-/tmp}/luamig-demo.XXXXXX")
trap 'rm -rf "$dir"' EXIT
cp -r "$here/../migrations-example" "$dir"
DATABASE_URL=$LUAMIG_TEST_URL
export DATABASE_URL

show() {
    set -- "$@" --dir migrations-example --env test
    echo
    echo "\$ luamig $*"
    (cd "$dir" && "$luamig" "$@")
}

# 0004 is merged late: the first deploy does not have it yet.
mv "$dir"/migrations-example/base/0004_* "$dir"
show plan
show up
echo
echo "# 0004 is merged, below the highest applied"
mv "$dir"/0004_* "$dir/migrations-example/base"
show status
show up
show up
show verify
cat <<TEXT

That was luamig on a PostgreSQL that is gone by now. To go on with one of yours:

  make install
  export DATABASE_URL=postgres://USER@HOST/DATABASE
  cd YOUR/PROJECT && luamig init && luamig create first_table && luamig up

Coming from golang-migrate? Leave the folder as it is; the README says how.
TEXT
