#include "cli/json.h"

#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#include "base/strbuf.h"
#include "cli/exit.h"
#include "cli/output.h"
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

static void
set_text(struct json_object *object, const char *key, const char *text)
{
    json_object_object_add(object, key, json_text(text));
}

/* "" is null. */
static void
set_optional(struct json_object *object, const char *key, const char *text)
{
    set_text(object, key, text != NULL && text[0] != '\0' ? text : NULL);
}

static void
set_number(struct json_object *object, const char *key, int64_t number)
{
    json_object_object_add(object, key, json_object_new_int64(number));
}

static void
set_position(struct json_object *object, const char *key, size_t number)
{
    json_object_object_add(object, key,
                           number > 0 ? json_object_new_int64((int64_t)number) : NULL);
}

/* A number that comes as text; NULL is null. */
static void
set_digits(struct json_object *object, const char *key, const char *digits)
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

static struct json_object *
error_object(const struct error *err)
{
    struct json_object *object = json_object_new_object();

    set_text(object, "kind", error_kind_word(err->kind));
    set_text(object, "message", err->message);
    set_optional(object, "sqlstate", err->sqlstate);
    set_optional(object, "detail", err->detail);
    set_optional(object, "hint", err->hint);
    set_optional(object, "file", err->place.file);
    set_position(object, "line", err->place.line);
    set_position(object, "column", err->place.column);
    set_position(object, "statement", err->place.statement);
    return object;
}

struct json_object *
json_error(const struct error *err)
{
    struct json_object *document = json_object_new_object();

    json_object_object_add(document, "error", error_object(err));
    return document;
}

static const char *const levels[] = { "note", "warning", "error" };

static struct json_object *
problem_object(const struct problem *problem)
{
    struct json_object *object = json_object_new_object();

    set_text(object, "kind", problem_kind_word(problem->kind));
    set_text(object, "level", levels[problem->level]);
    json_object_object_add(object, "version",
                           problem->has_version ? json_object_new_int64(problem->version)
                                                : NULL);
    set_optional(object, "name", problem->name);
    set_optional(object, "file", problem->file);
    set_position(object, "line", problem->line);
    set_position(object, "column", problem->column);
    set_text(object, "message", problem->message);
    set_optional(object, "hint", problem->hint);
    return object;
}

static struct json_object *
problem_array(const struct problems *problems)
{
    struct json_object *array = json_object_new_array();

    for (size_t i = 0; i < problems->count; i++)
        json_object_array_add(array, problem_object(&problems->list[i]));
    return array;
}

static struct json_object *
database_object(const struct look *look)
{
    struct json_object *object = json_object_new_object();

    set_text(object, "host", look->host);
    set_text(object, "port", look->port);
    set_text(object, "name", look->database);
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

static const char *
entry_name(const struct plan_entry *entry)
{
    return entry->migration != NULL ? entry->migration->name : entry->applied->name;
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
        set_number(object, "version", entry->version);
    set_text(object, "version_text", m != NULL ? m->version_text : digits);
    set_text(object, "name", entry_name(entry));
    set_text(object, "state", plan_state_word(entry->state));
    set_text(object, "applied_at", a != NULL ? a->applied_at : NULL);
    set_text(object, "checksum", a != NULL ? a->checksum : NULL);
    set_text(object, "file", m != NULL ? m->up.path : NULL);
    set_text(object, "environment", m != NULL ? m->environment : NULL);
    set_text(object, "mode", mode);
    return object;
}

/* One key for each state; pending includes late. */
static struct json_object *
counts_object(const struct plan *plan)
{
    size_t counts[STATE_EXCLUDED + 1] = { 0 };
    struct json_object *object = json_object_new_object();

    for (size_t i = 0; i < plan->entry_count; i++)
        counts[plan->entries[i].state]++;
    counts[STATE_PENDING] = plan->pending;
    counts[STATE_LATE] = plan->late;
    for (size_t i = 0; i <= STATE_EXCLUDED; i++)
        set_number(object, plan_state_word((enum plan_state)i), (int64_t)counts[i]);
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
    set_text(document, "table", look->table);
    json_object_object_add(document, "migrations", migrations);
    json_object_object_add(document, "counts", counts_object(&look->plan));
    json_object_object_add(document, "problems", problem_array(&look->problems));
    set_text(document, "standby_until", look->standby_until);
    return document;
}

struct json_object *
json_plan(const struct look *look)
{
    struct json_object *document = json_object_new_object(),
                       *steps = json_object_new_array();

    for (size_t i = 0; i < look->plan.step_count; i++) {
        struct json_object *step = entry_object(look->plan.steps[i], look->steps[i].mode);

        set_number(step, "statements", (int64_t)look->steps[i].statements);
        set_optional(step, "notice", look->steps[i].notice);
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
    set_text(document, "standby_until", look->standby_until);
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

    set_text(object, "name", row->name);
    set_text(object, "state", row->state);
    set_text(object, "holder", row->holder);
    set_text(object, "host", row->host);
    set_digits(object, "pid", row->pid);
    set_text(object, "acquired_at", row->acquired);
    set_text(object, "expires_at", row->expires);
    set_text(object, "outcome", row->outcome);
    set_text(object, "ended_at", row->ended);
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
    set_text(document, "lock", words[mode]);
    json_object_object_add(document, "held",
                           json_object_new_boolean(locks->holder != NULL));
    set_text(document, "holder", locks->holder);
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
        set_text(object, fields[i].key, fields[i].text);
    json_object_object_add(object, "environments", names_array(a->environments));
    set_digits(object, "version", a->version);
    set_digits(object, "statement", a->statement);
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

static const char *
event_word(enum event_kind kind)
{
    switch (kind) {
    case EVENT_RUN_STARTED: return "run_started";
    case EVENT_WAITING: return "waiting";
    case EVENT_LOCK_ACQUIRED: return "lock_acquired";
    case EVENT_MIGRATION_STARTED: return "migration_started";
    case EVENT_MIGRATION_APPLIED: return "migration_applied";
    case EVENT_STEP_PLANNED: return "step_planned";
    case EVENT_MIGRATION_UNDONE: return "migration_undone";
    case EVENT_MIGRATION_FAILED: return "migration_failed";
    case EVENT_PROGRESS: return "progress";
    case EVENT_MIGRATION_RETRIED: return "migration_retried";
    case EVENT_MIGRATION_TRIED: return "migration_tried";
    case EVENT_UNDO_STARTED:
    case EVENT_NOTICE:
    case EVENT_PROBLEM: return "notice";
    case EVENT_RUN_FINISHED: return "run_finished";
    }
    return "notice";
}

static void
set_time(struct json_object *object)
{
    char text[32], all[64];
    struct timeval tv;
    struct tm tm;

    gettimeofday(&tv, NULL);
    gmtime_r(&tv.tv_sec, &tm);
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(all, sizeof(all), "%s.%03ldZ", text, (long)(tv.tv_usec / 1000 % 1000));
    set_text(object, "time", all);
}

static void
set_migration(struct json_object *object, const struct event *e)
{
    if (e->migration != NULL) {
        if (e->migration->version_text[0] != '\0')
            set_number(object, "version", e->migration->version);
        set_text(object, "name", e->migration->name);
        set_text(object, "file", e->migration->up.path);
    }
    if (e->mode != NULL)
        set_text(object, "mode", e->mode);
    if (e->step > 0)
        set_number(object, "step", (int64_t)e->step);
    if (e->steps > 0)
        set_number(object, "steps", (int64_t)e->steps);
}

static void
set_summary(struct json_object *object, const struct event *e)
{
    const struct run_summary *s = e->summary;

    set_text(object, "outcome", outcome_word(s->outcome));
    set_number(object, "applied", (int64_t)s->applied);
    set_number(object, "undone", (int64_t)s->undone);
    if (s->fate != NULL)
        set_text(object, "fate", s->fate);
    if (s->kind == RUN_TRY)
        set_number(object, "tried", (int64_t)s->tried);
    set_number(object, "pending", (int64_t)s->pending);
    set_number(object, "elapsed_ms", s->elapsed);
    set_number(object, "exit", exit_status(s->outcome, e->error));
}

static void
set_trial(struct json_object *object, const struct trial *trial)
{
    struct json_object *locks = json_object_new_array();

    json_object_object_add(object, "executed", json_object_new_boolean(trial->executed));
    if (trial->executed)
        set_number(object, "rows", trial->rows);
    for (size_t i = 0; i < trial->lock_count; i++) {
        const struct trial_lock *lock = &trial->locks[i];
        struct json_object *one = json_object_new_object();

        set_text(one, "relation", lock->relation);
        set_text(one, "mode", lock->mode);
        set_number(one, "bytes", lock->bytes);
        json_object_object_add(one, "rewritten",
                               json_object_new_boolean(lock->rewritten));
        json_object_array_add(locks, one);
    }
    json_object_object_add(object, "locks", locks);
}

static void
set_details(struct json_object *object, const struct event *e)
{
    if (e->statements > 0) {
        set_position(object, "statement", e->statement);
        set_number(object, "statements", (int64_t)e->statements);
    }
    if (e->attempt > 0)
        set_number(object, "attempt", (int64_t)e->attempt);
    if (e->elapsed > 0)
        set_number(object, "elapsed_ms", e->elapsed);
    if (e->text != NULL)
        set_text(object, "text", e->text);
    if (e->kind == EVENT_NOTICE)
        set_text(object, "level", e->detail ? "debug" : levels[e->level]);
    if (e->trial != NULL)
        set_trial(object, e->trial);
    if (e->problem != NULL) {
        set_text(object, "level", levels[e->problem->level]);
        set_text(object, "text", e->problem->message);
        json_object_object_add(object, "problem", problem_object(e->problem));
    }
    if (e->error != NULL)
        json_object_object_add(object, "error", error_object(e->error));
}

static void
notify(void *ctx, const struct event *e)
{
    struct json_lines *lines = ctx;
    struct json_object *object = json_object_new_object();

    set_time(object);
    set_text(object, "event", event_word(e->kind));
    set_text(object, "run", e->run);
    set_migration(object, e);
    if (e->summary != NULL)
        set_summary(object, e);
    set_details(object, e);
    json_print(lines->out, object);
    output_push(lines->out);
    observer_notify(lines->next, e);
}

struct observer
json_observer(struct json_lines *lines)
{
    return (struct observer){ .notify = notify, .ctx = lines };
}
