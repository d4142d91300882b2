#include "cli/json.h"

#include <stdlib.h>
#include <string.h>

#include "cli/json_value.h"

static struct json_object *
problem_array(const struct problems *problems)
{
    struct json_object *array = json_object_new_array();

    for (size_t i = 0; i < problems->count; i++)
        json_object_array_add(array, json_problem_object(&problems->list[i]));
    return array;
}

static struct json_object *
database_object(const struct look *look)
{
    struct json_object *object = json_object_new_object();

    json_set_text(object, "host", look->host);
    json_set_text(object, "port", look->port);
    json_set_text(object, "name", look->database);
    return object;
}

/* Steps stand in the order of the entries. */
static int
compare_step(const void *wanted, const void *step)
{
    const struct plan_entry *a = wanted, *b = ((const struct look_step *)step)->entry;

    return (a > b) - (a < b);
}

/* The mode is known of what is to be run; of applied files no contents are read. */
static const char *
mode_of(const struct look *look, const struct plan_entry *entry)
{
    const struct look_step *step = NULL;

    if (look->steps != NULL)
        step = bsearch(entry, look->steps, look->plan.step_count, sizeof(*look->steps),
                       compare_step);
    return step != NULL ? step->mode : NULL;
}

static struct json_object *
entry_object(const struct plan_entry *entry, const char *mode)
{
    const struct migration *m = entry->migration;
    const struct applied *a = entry->applied;
    struct json_object *object = json_object_new_object();
    char digits[32];

    snprintf(digits, sizeof(digits), "%lld", (long long)entry->version);
    if (m != NULL && m->repeatable)
        json_object_object_add(object, "version", NULL);
    else
        json_set_number(object, "version", entry->version);
    json_set_text(object, "version_text", m != NULL ? m->version_text : digits);
    json_set_text(object, "name", plan_entry_name(entry));
    json_set_text(object, "state", plan_state_word(entry->state));
    json_set_text(object, "applied_at", a != NULL ? a->applied_at : NULL);
    json_set_text(object, "checksum", a != NULL ? a->checksum : NULL);
    json_set_text(object, "file", m != NULL ? m->up.path : NULL);
    json_set_text(object, "environment", m != NULL ? m->environment : NULL);
    json_set_text(object, "mode", mode);
    json_object_object_add(object, "background",
                           json_object_new_boolean(m != NULL && m->background));
    return object;
}

/* One key for each state. */
static struct json_object *
counts_object(const struct plan *plan)
{
    int64_t counts[STATE_EXCLUDED + 1];
    struct json_object *object = json_object_new_object();

    plan_count(plan, counts);
    for (int state = 0; state <= STATE_EXCLUDED; state++)
        json_set_number(object, plan_state_word((enum plan_state)state), counts[state]);
    json_set_number(object, "background", (int64_t)plan->background);
    return object;
}

struct json_object *
json_status(const struct look *look)
{
    struct json_object *document = json_object_new_object(),
                       *migrations = json_object_new_array();

    for (size_t i = 0; i < look->plan.entry_count; i++) {
        const struct plan_entry *entry = &look->plan.entries[i];

        json_object_array_add(migrations, entry_object(entry, mode_of(look, entry)));
    }
    json_object_object_add(document, "database", database_object(look));
    json_set_text(document, "table", look->table);
    json_object_object_add(document, "migrations", migrations);
    json_object_object_add(document, "counts", counts_object(&look->plan));
    json_object_object_add(document, "problems", problem_array(&look->problems));
    json_set_text(document, "standby_until", look->standby_until);
    return document;
}

struct json_object *
json_plan(const struct look *look)
{
    struct json_object *document = json_object_new_object(),
                       *steps = json_object_new_array();

    for (size_t i = 0; i < look->plan.step_count; i++) {
        struct json_object *step = entry_object(look->plan.steps[i], look->steps[i].mode);

        json_set_number(step, "statements", (int64_t)look->steps[i].statements);
        json_set_optional(step, "notice", look->steps[i].notice);
        json_object_array_add(steps, step);
    }
    json_object_object_add(document, "steps", steps);
    json_object_object_add(document, "problems", problem_array(&look->problems));
    return document;
}

struct json_object *
json_verify(const struct look *look)
{
    struct json_object *document = json_object_new_object();

    json_object_object_add(document, "problems", problem_array(&look->problems));
    json_set_text(document, "standby_until", look->standby_until);
    return document;
}

/* The names with commas between as an array; NULL is null. */
static struct json_object *
names_array(const char *names)
{
    struct json_object *array = names != NULL ? json_object_new_array() : NULL;

    while (names != NULL && *names != '\0') {
        size_t len = strcspn(names, ",");

        json_object_array_add(array, json_text_sized(names, len));
        names += len + (names[len] == ',');
    }
    return array;
}

static struct json_object *
lease_object(const struct lease_row *row)
{
    struct json_object *object = json_object_new_object();

    json_set_text(object, "name", row->name);
    json_set_text(object, "state", row->state);
    json_set_text(object, "holder", row->holder);
    json_set_text(object, "host", row->host);
    json_set_digits(object, "pid", row->pid);
    json_set_text(object, "acquired_at", row->acquired);
    json_set_text(object, "expires_at", row->expires);
    json_set_text(object, "outcome", row->outcome);
    json_set_text(object, "ended_at", row->ended);
    return object;
}

struct json_object *
json_locks(enum lock_mode mode, const struct locks *locks)
{
    static const char *const words[] = {
        [LOCK_ADVISORY] = "advisory", [LOCK_LEASE] = "lease", [LOCK_NONE] = "none"
    };
    struct json_object *document = json_object_new_object(),
                       *array = json_object_new_array();

    for (size_t i = 0; i < locks->count; i++)
        json_object_array_add(array, lease_object(&locks->rows[i]));
    json_set_text(document, "lock", words[mode]);
    json_object_object_add(document, "held",
                           json_object_new_boolean(locks->holder != NULL));
    json_set_text(document, "holder", locks->holder);
    json_object_object_add(document, "locks", array);
    return document;
}

static struct json_object *
attempt_object(const struct attempt *a)
{
    const struct {
        const char *key, *text;
    } fields[] = {
        { "run", a->run },
        { "action", a->action },
        { "name", a->name },
        { "who", a->who },
        { "host", a->host },
        { "luamig", a->luamig },
        { "started_at", a->started },
        { "finished_at", a->finished },
        { "outcome", a->outcome },
        { "sqlstate", a->sqlstate },
        { "message", a->message },
        { "checksum", a->checksum },
    };
    struct json_object *object = json_object_new_object();

    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        json_set_text(object, fields[i].key, fields[i].text);
    json_object_object_add(object, "environments", names_array(a->environments));
    json_set_digits(object, "version", a->version);
    json_set_digits(object, "statement", a->statement);
    return object;
}

struct json_object *
json_history(const struct attempt *attempts, size_t count)
{
    struct json_object *document = json_object_new_object(),
                       *array = json_object_new_array();

    for (size_t i = 0; i < count; i++)
        json_object_array_add(array, attempt_object(&attempts[i]));
    json_object_object_add(document, "attempts", array);
    return document;
}
