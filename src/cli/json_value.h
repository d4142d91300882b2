/*
 * json_value.h - the pieces that documents and events of machine-readable output share
 */
#ifndef LUAMIG_CLI_JSON_VALUE_H
#define LUAMIG_CLI_JSON_VALUE_H

#include <json-c/json.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"
#include "plan/problem.h"

/* A string, or null for NULL; each byte that is no UTF-8 becomes U+FFFD. */
struct json_object *json_text(const char *text);

/* The same of len bytes; it ends at a NUL. text must be NUL-terminated. */
struct json_object *json_text_sized(const char *text, size_t len);

/* Each sets a key of the object; NULL is null. */
void json_set_text(struct json_object *object, const char *key, const char *text);
void json_set_number(struct json_object *object, const char *key, int64_t number);

/* "" is null. */
void json_set_optional(struct json_object *object, const char *key, const char *text);

/* 0 is null. */
void json_set_position(struct json_object *object, const char *key, size_t number);

/* A number that comes as text. */
void json_set_digits(struct json_object *object, const char *key, const char *digits);

/* By enum problem_level. */
extern const char *const json_levels[];

struct json_object *json_error_object(const struct error *err);
struct json_object *json_problem_object(const struct problem *problem);

/* {"error": {...}} */
struct json_object *json_error(const struct error *err);

/* Prints the document and gives it up. */
void json_print(FILE *out, struct json_object *document);

#endif
