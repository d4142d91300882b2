#include "cli/json_lines.h"

#include <sys/time.h>
#include <time.h>

#include "cli/backfill_line.h"
#include "cli/exit.h"
#include "cli/json_value.h"
#include "cli/output.h"

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
    json_set_text(object, "time", all);
}

static void
set_migration(struct json_object *object, const struct event *e)
{
    if (e->migration != NULL) {
        if (e->migration->version_text[0] != '\0')
            json_set_number(object, "version", e->migration->version);
        json_set_text(object, "name", e->migration->name);
        json_set_text(object, "file",
                      e->down ? e->migration->down.path : e->migration->up.path);
        json_set_text(object, "direction", e->down ? "down" : "up");
    }
    if (e->mode != NULL)
        json_set_text(object, "mode", e->mode);
    if (e->step > 0)
        json_set_number(object, "step", (int64_t)e->step);
    if (e->steps > 0)
        json_set_number(object, "steps", (int64_t)e->steps);
}

static void
set_summary(struct json_object *object, const struct event *e)
{
    const struct run_summary *s = e->summary;

    json_set_text(object, "outcome", outcome_word(s->outcome));
    json_set_number(object, "applied", (int64_t)s->applied);
    json_set_number(object, "undone", (int64_t)s->undone);
    if (s->fate != NULL)
        json_set_text(object, "fate", s->fate);
    if (s->kind == RUN_TRY)
        json_set_number(object, "tried", (int64_t)s->tried);
    json_set_number(object, "pending", (int64_t)s->pending);
    json_set_number(object, "background", (int64_t)s->background);
    json_set_number(object, "elapsed_ms", s->elapsed);
    json_set_number(object, "exit", exit_status(s->outcome, e->error));
}

static void
set_trial(struct json_object *object, const struct trial *trial)
{
    struct json_object *locks = json_object_new_array();

    json_object_object_add(object, "executed", json_object_new_boolean(trial->executed));
    if (trial->executed)
        json_set_number(object, "rows", trial->rows);
    for (size_t i = 0; i < trial->lock_count; i++) {
        const struct trial_lock *lock = &trial->locks[i];
        struct json_object *one = json_object_new_object();

        json_set_text(one, "relation", lock->relation);
        json_set_text(one, "mode", lock->mode);
        json_set_number(one, "bytes", lock->bytes);
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
        json_set_position(object, "statement", e->statement);
        json_set_number(object, "statements", (int64_t)e->statements);
    }
    if (e->attempt > 0)
        json_set_number(object, "attempt", (int64_t)e->attempt);
    if (e->elapsed > 0)
        json_set_number(object, "elapsed_ms", e->elapsed);
    if (e->text != NULL)
        json_set_text(object, "text", e->text);
    if (e->kind == EVENT_NOTICE || e->kind == EVENT_UNDO_STARTED)
        json_set_text(object, "level", e->detail ? "debug" : json_levels[e->level]);
    if (e->trial != NULL)
        set_trial(object, e->trial);
    if (e->backfill != NULL)
        backfill_json(object, e->backfill);
    if (e->problem != NULL) {
        json_set_text(object, "level", json_levels[e->problem->level]);
        json_set_text(object, "text", e->problem->message);
        json_object_object_add(object, "problem", json_problem_object(e->problem));
    }
    if (e->error != NULL)
        json_object_object_add(object, "error", json_error_object(e->error));
}

static void
notify(void *ctx, const struct event *e)
{
    struct json_lines *lines = ctx;
    struct json_object *object = json_object_new_object();

    set_time(object);
    json_set_text(object, "event", event_word(e->kind));
    json_set_text(object, "run", e->run);
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
