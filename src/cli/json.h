/*
 * json.h - machine-readable output (DESIGN 12): documents of reading commands, and an
 * observer that writes a line for each event of a run
 */
#ifndef LUAMIG_CLI_JSON_H
#define LUAMIG_CLI_JSON_H

#include <jansson.h>
#include <stdio.h>

#include "engine/event.h"
#include "engine/locks.h"
#include "engine/look.h"

struct json_lines {
    FILE *out;
    const struct observer *next; /* told too: people read stderr; may be NULL */
};

struct observer json_observer(struct json_lines *lines);

/* Prints the document and gives it up. */
void json_print(FILE *out, json_t *document);

/* {"error": {...}} */
json_t *json_error(const struct error *err);

json_t *json_status(const struct look *look);
json_t *json_plan(const struct look *look);
json_t *json_verify(const struct look *look);
json_t *json_locks(enum lock_mode mode, const struct locks *locks);
json_t *json_history(const struct attempt *attempts, size_t count);

/* A string, or null for NULL; invalid UTF-8 is replaced. */
json_t *json_text(const char *text);

#endif
