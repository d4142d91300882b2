#include "cli/json_value.h"

#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "cli/text.h"

struct json_object *
json_text_sized(const char *text, size_t len)
{
    const char *end = text + len;
    struct strbuf safe = { 0 };
    struct text_char c;
    struct json_object *value;

    while (text < end && text_next(&text, &c)) {
        if (c.valid)
            strbuf_add(&safe, c.bytes, c.len);
        else
            strbuf_puts(&safe, "\xEF\xBF\xBD");
    }
    value = json_object_new_string_len(strbuf_text(&safe), (int)safe.len);
    strbuf_release(&safe);
    return value;
}

struct json_object *
json_text(const char *text)
{
    return text != NULL ? json_text_sized(text, strlen(text)) : NULL;
}

void
json_set_text(struct json_object *object, const char *key, const char *text)
{
    json_object_object_add(object, key, json_text(text));
}

/* "" is null. */
void
json_set_optional(struct json_object *object, const char *key, const char *text)
{
    json_set_text(object, key, text != NULL && text[0] != '\0' ? text : NULL);
}

void
json_set_number(struct json_object *object, const char *key, int64_t number)
{
    json_object_object_add(object, key, json_object_new_int64(number));
}

void
json_set_position(struct json_object *object, const char *key, size_t number)
{
    json_object_object_add(object, key,
                           number > 0 ? json_object_new_int64((int64_t)number) : NULL);
}

/* A number that comes as text; NULL is null. */
void
json_set_digits(struct json_object *object, const char *key, const char *digits)
{
    json_object_object_add(object, key,
                           digits != NULL
                               ? json_object_new_int64(strtoll(digits, NULL, 10))
                               : NULL);
}

void
json_print(FILE *out, struct json_object *document)
{
    fputs(json_object_to_json_string_ext(document, JSON_C_TO_STRING_PLAIN |
                                                       JSON_C_TO_STRING_NOSLASHESCAPE),
          out);
    fputc('\n', out);
    json_object_put(document);
}

struct json_object *
json_error_object(const struct error *err)
{
    struct json_object *object = json_object_new_object();

    json_set_text(object, "kind", error_kind_word(err->kind));
    json_set_text(object, "message", err->message);
    json_set_optional(object, "sqlstate", err->sqlstate);
    json_set_optional(object, "detail", err->detail);
    json_set_optional(object, "hint", err->hint);
    json_set_optional(object, "file", err->place.file);
    json_set_position(object, "line", err->place.line);
    json_set_position(object, "column", err->place.column);
    json_set_position(object, "statement", err->place.statement);
    return object;
}

struct json_object *
json_error(const struct error *err)
{
    struct json_object *document = json_object_new_object();

    json_object_object_add(document, "error", json_error_object(err));
    return document;
}

const char *const json_levels[] = { "note", "warning", "error" };

struct json_object *
json_problem_object(const struct problem *problem)
{
    struct json_object *object = json_object_new_object();

    json_set_text(object, "kind", problem_kind_word(problem->kind));
    json_set_text(object, "level", json_levels[problem->level]);
    json_object_object_add(object, "version",
                           problem->has_version ? json_object_new_int64(problem->version)
                                                : NULL);
    json_set_optional(object, "name", problem->name);
    json_set_optional(object, "file", problem->file);
    json_set_position(object, "line", problem->line);
    json_set_position(object, "column", problem->column);
    json_set_text(object, "message", problem->message);
    json_set_optional(object, "hint", problem->hint);
    return object;
}
