/* json_backfill.h - what `luamig backfill --json` prints */
#ifndef LUAMIG_CLI_JSON_BACKFILL_H
#define LUAMIG_CLI_JSON_BACKFILL_H

#include "cli/json_value.h"
#include "engine/backfills.h"

/* {"backfills": [...]} */
struct json_object *json_backfills(const struct backfills *all);

/* {"version", "direction", "name", "errors": [...]} */
struct json_object *json_backfill_errors(const struct backfills *one);

/* {"order", "changed", "backfill": {...}}, as it stood before */
struct json_object *json_backfill_order(const char *order, const struct backfills *one);

#endif
