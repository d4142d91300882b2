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

# The first deploy has neither 0004, which is merged late, nor what the next release brings.
later=$dir/later
mkdir "$later" "$later/base" "$later/test"
(
    cd "$dir/migrations-example"
    mv base/0004_* base/0009_* base/001* "$later/base"
    mv test/001* "$later/test"
)
show plan
show up
echo
echo "# The next release: 0004, below the highest applied, and Lua for what SQL cannot say"
cp -r "$later"/* "$dir/migrations-example"
show status
show dry-run
show up --set NOTIFY=echo
show up
show verify
cat <<TEXT

That was luamig on a PostgreSQL that is gone by now. To go on with one of yours:

  make install
  export DATABASE_URL=postgres://USER@HOST/DATABASE
  cd YOUR/PROJECT && luamig init && luamig create first_table && luamig up

Coming from golang-migrate? Leave the folder as it is; the README says how.
TEXT
