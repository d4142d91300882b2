#!/bin/sh
# backfill.sh BUILD - a backfill killed ROUNDS=20 times beside an application that writes the
# same rows: no write lost, no row twice, none missed
set -eu
build=$(cd "$1" && pwd)
export LUAMIG="$build/luamig" LUAMIG_BUILD="$build" LUAMIG_ROUNDS="${ROUNDS:-20}"
cd "$(dirname "$0")/../.."
exec tests/with-postgres.sh busted -o TAP --filter="killed" spec/cli/backfill_load_spec.lua
