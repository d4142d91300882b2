/*
 * json.h - machine-readable output (DESIGN 12): documents of reading commands, and an
 * observer that writes a line for each event of a run
 */
#ifndef LUAMIG_CLI_JSON_H
#define LUAMIG_CLI_JSON_H

#include <json-c/json.h>
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
void json_print(FILE *out, struct json_object *document);

/* {"error": {...}} */
struct json_object *json_error(const struct error *err);

struct json_object *json_status(const struct look *look);
struct json_object *json_plan(const struct look *look);
struct json_object *json_verify(const struct look *look);
struct json_object *json_locks(enum lock_mode mode, const struct locks *locks);
struct json_object *json_history(const struct attempt *attempts, size_t count);

/* A string, or null for NULL; each byte that is no UTF-8 becomes U+FFFD. */
struct json_object *json_text(const char *text);

/* The same of len bytes; it ends at a NUL. text must be NUL-terminated. */
struct json_object *json_text_sized(const char *text, size_t len);

#endif
