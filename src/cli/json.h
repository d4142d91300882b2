/*
 * json.h - the documents of reading commands, machine-readable (DESIGN 12)
 */
#ifndef LUAMIG_CLI_JSON_H
#define LUAMIG_CLI_JSON_H

#include <json-c/json.h>

#include "engine/locks.h"
#include "engine/look.h"

struct json_object *json_status(const struct look *look);
struct json_object *json_plan(const struct look *look);
struct json_object *json_verify(const struct look *look);
struct json_object *json_locks(enum lock_mode mode, const struct locks *locks);
struct json_object *json_history(const struct attempt *attempts, size_t count);

#endif
