/* backfill_line.h - how far a backfill is, as one line and as members of a JSON event */
#ifndef LUAMIG_CLI_BACKFILL_LINE_H
#define LUAMIG_CLI_BACKFILL_LINE_H

#include <json-c/json.h>

#include "backfill/backfill.h"
#include "base/strbuf.h"

/*
 * "users.phones 41.2% 3.1M/7.5M 188k/s eta 23s batch 9.8k 241ms lag 0.3s conflicts 12"; what
 * is not known or nothing is left out.
 */
void backfill_line(const struct backfill_progress *p, struct strbuf *text);

/* Adds a member "backfill" with the same numbers. */
void backfill_json(struct json_object *object, const struct backfill_progress *p);

#endif
