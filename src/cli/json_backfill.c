#include "cli/json_backfill.h"

#include <stdio.h>

#include "base/arena.h"

static void
set_key(struct json_object *object, const struct checkpoint_key *key)
{
    json_set_number(object, "version", key->version);
    json_set_text(object, "direction", key->direction);
    json_set_text(object, "name", key->name);
}

/* One decimal, as people see it. */
static void
set_percent(struct json_object *object, double percent)
{
    char digits[32];

    snprintf(digits, sizeof(digits), "%.1f", percent);
    json_object_object_add(object, "percent", json_object_new_double_s(percent, digits));
}

static struct json_object *
backfill_object(const struct checkpoint *c)
{
    struct json_object *object = json_object_new_object();

    set_key(object, &c->key);
    json_set_text(object, "table", c->table);
    json_set_text(object, "status", checkpoint_word(c->status));
    set_percent(object, checkpoint_percent(c));
    json_set_number(object, "rows", c->rows);
    json_set_number(object, "estimate", c->estimate);
    json_set_number(object, "written", c->written);
    json_set_number(object, "conflicts", c->conflicts);
    json_set_number(object, "suppressed", c->suppressed);
    json_set_number(object, "errors", c->errors);
    json_set_number(object, "retries", c->retries);
    json_set_text(object, "error", c->error);
    json_set_text(object, "run", c->run);
    json_set_text(object, "worker", c->worker);
    json_set_text(object, "started_at", c->started);
    json_set_text(object, "updated_at", c->updated);
    return object;
}

struct json_object *
json_backfills(const struct backfills *all)
{
    struct json_object *document = json_object_new_object(),
                       *array = json_object_new_array();

    for (size_t i = 0; i < all->count; i++)
        json_object_array_add(array, backfill_object(&all->list[i]));
    json_object_object_add(document, "backfills", array);
    return document;
}

/* A key is JSON already, of numbers that no reader of it may round. */
static struct json_object *
key_value(const char *key)
{
    struct json_object *value = json_object_new_string(key);

    json_object_set_serializer(value, json_object_userdata_to_json_string, xstrdup(key),
                               json_object_free_userdata);
    return value;
}

static struct json_object *
failed_row(const struct checkpoint_error *e)
{
    struct json_object *object = json_object_new_object();

    json_object_object_add(object, "key", key_value(e->key));
    json_set_text(object, "message", e->message);
    json_set_text(object, "sqlstate", e->sqlstate);
    json_set_text(object, "at", e->at);
    json_object_object_add(object, "retry", json_object_new_boolean(e->retry));
    return object;
}

struct json_object *
json_backfill_errors(const struct backfills *one)
{
    struct json_object *document = json_object_new_object(),
                       *array = json_object_new_array();

    for (size_t i = 0; i < one->error_count; i++)
        json_object_array_add(array, failed_row(&one->errors[i]));
    set_key(document, &one->list[0].key);
    json_object_object_add(document, "errors", array);
    return document;
}

struct json_object *
json_backfill_order(const char *order, const struct backfills *one)
{
    struct json_object *document = json_object_new_object();

    json_set_text(document, "order", order);
    json_set_number(document, "changed", one->changed);
    json_object_object_add(document, "backfill", backfill_object(&one->list[0]));
    return document;
}
