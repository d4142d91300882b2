#include "engine/apply.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "engine/aftermath.h"
#include "engine/doubt.h"
#include "engine/frame.h"
#include "engine/hooks.h"
#include "engine/items.h"
#include "engine/ramp.h"
#include "engine/rival.h"
#include "engine/scripted.h"
#include "pg/wait.h"

#define ROW_LOCK_TIMEOUT "SET LOCAL lock_timeout = '5s'"

struct attempt_tx {
    struct migrator *m;
    const struct content *content;
    struct arena arena;
    struct items items;
    struct pipeline pipeline;
    bool in_script; /* it failed in Lua, or in what Lua sent: a script, or a hook */
    bool stray;     /* a transaction command got through in the body */
    bool last; /* a down that drops luamig's own table: nothing is left to write to */
    bool gone; /* a down found its row gone: somebody else has done it */
};

static bool
is_transaction_tag(const char *tag)
{
    return strcmp(tag, "COMMIT") == 0 || strcmp(tag, "BEGIN") == 0 ||
           strcmp(tag, "ROLLBACK") == 0 || strcmp(tag, "START TRANSACTION") == 0;
}

/* ROLLBACK TO answers ROLLBACK too. */
static bool
is_savepoint(const struct attempt_tx *a, const struct pipeline_item *item)
{
    return item->statement > 0 &&
           a->content->sql.classes[item->statement - 1].kind == SQL_SAVEPOINT;
}

static bool
on_result(void *ctx, size_t index, const PGresult *res, struct error *err)
{
    struct attempt_tx *a = ctx;
    const struct pipeline_item *item = &a->items.list[index];
    /* cmdStatus is in the result; libpq only forgot the const. */
    const char *tag = PQcmdStatus((PGresult *)(uintptr_t)res);

    if (item->mark == ITEM_BODY) {
        a->m->activity.statement = item->statement + 1;
        if (!is_transaction_tag(tag) || is_savepoint(a, item))
            return true;
        a->stray = true;
        error_set(err, ERROR_SQL, "a transaction command slipped through: %s", tag);
        return error_hint(err, "Look at what the statements before it left in the "
                               "database; it ended luamig's transaction.");
    }
    if (item->mark == ITEM_ROW)
        a->m->activity.statement = 1;
    if (item->mark == ITEM_ROW &&
        strcmp(PQcmdTuples((PGresult *)(uintptr_t)res), "0") == 0) {
        a->gone = true;
        return error_set(err, ERROR_PLAN, "another run has undone it");
    }
    if (item->mark == ITEM_COMMIT && strcmp(tag, "COMMIT") != 0)
        return error_set(err, ERROR_SQL,
                         "rolled back: a statement of the migration had failed");
    return true;
}

static const char *
begin_sql(struct attempt_tx *a)
{
    const char *modes = a->content->sql.modes;

    if (modes != NULL && modes[0] != '\0')
        return arena_printf(&a->arena, "BEGIN READ WRITE, %s", modes);
    return "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";
}

static struct frame
frame_of(struct attempt_tx *a)
{
    return (struct frame){
        .m = a->m, .content = a->content, .arena = &a->arena, .items = &a->items
    };
}

/* The guard reads an old snapshot of the lease; COMMIT waits until it is confirmed. */
static bool
must_confirm(const struct attempt_tx *a)
{
    return !a->last && migrator_must_confirm(a->m, a->content->sql.modes);
}

/* A down that drops the lease's table is guarded before it: nobody can take it after. */
static bool
takes_lease(const struct attempt_tx *a)
{
    return a->last && a->m->settings->lock == LOCK_LEASE;
}

/* DESIGN 7, statement for statement: what stands before the migration's own. */
static void
add_head(struct attempt_tx *a)
{
    struct frame frame = frame_of(a);

    frame_add_begin(&frame, begin_sql(a));
    items_add(&a->items, ITEM_SETTING, ROW_LOCK_TIMEOUT, NULL);
    frame_add_row(&frame);
    frame_add_lock_timeout(&frame, false);
    if (takes_lease(a)) {
        struct guard guard = migrator_guard(a->m, GUARD_NO_ROW, 0);

        items_add(&a->items, ITEM_GUARD, guard_sql(&guard, &a->arena), NULL);
    }
}

/* And behind them. */
static void
add_tail(struct attempt_tx *a)
{
    struct frame frame = frame_of(a);
    struct items *items = &a->items;
    enum guard_row row = a->last ? GUARD_NO_ROW : frame_guard_row(a->content);
    struct guard guard = migrator_guard(a->m, row, a->content->migration->version);

    frame_add_resets(&frame);
    if (!a->last)
        frame_add_history(&frame);
    guard.has_lock = guard.has_lock && !takes_lease(a) && !must_confirm(a);
    items_add(items, ITEM_GUARD, guard_sql(&guard, &a->arena), NULL);
    frame_add_end(&frame);
}

static bool
send(struct attempt_tx *a, struct error *err)
{
    a->pipeline = (struct pipeline){ .session = &a->m->server.work,
                                     .items = a->items.list,
                                     .count = a->items.count,
                                     .serial = a->content->sql.has_copy,
                                     .on_result = on_result,
                                     .ctx = a };
    if (must_confirm(a))
        a->pipeline.confirm = items_find(&a->items, ITEM_COMMIT);
    return pipeline_run(&a->pipeline, err);
}

/* What Lua made of the open transaction. */
static bool
end_script(struct attempt_tx *a, enum script_end end)
{
    a->stray = end == SCRIPT_STRAY;
    a->in_script = end != SCRIPT_DONE;
    return end == SCRIPT_DONE;
}

static bool
run_script(struct attempt_tx *a, struct error *err)
{
    struct host host = { .ctx = a->m,
                         .work = &a->m->server.work,
                         .in_transaction = true,
                         .before_ddl = scripted_before_ddl(a->m, a->content, &a->arena),
                         .log = scripted_log };

    return end_script(a, scripted_run(a->m, a->content, &host, err));
}

/* What has been gathered goes out, so that Lua can come. */
static bool
send_part(struct attempt_tx *a, struct error *err)
{
    if (!send(a, err))
        return false;
    items_release(&a->items);
    a->pipeline = (struct pipeline){ 0 };
    return true;
}

static bool
run_hooks(struct attempt_tx *a, enum hook_event event, struct error *err)
{
    if (!hooks_has(a->m, event))
        return true;
    return send_part(a, err) &&
           end_script(a, hooks_in_transaction(a->m, a->content, event, err));
}

/* A script has a round trip for its head, its own, and one for the tail. */
static bool
run_body(struct attempt_tx *a, struct error *err)
{
    struct frame frame = frame_of(a);

    if (a->content->kind == FILE_LUA)
        return send_part(a, err) && run_script(a, err);
    frame_add_statements(&frame, 1, a->content->sql.count);
    return true;
}

/* SQL is one round trip, unless hooks stand between. */
static bool
run(struct attempt_tx *a, struct error *err)
{
    struct frame frame = frame_of(a);

    add_head(a);
    if (!run_hooks(a, HOOK_BEFORE_MIGRATION, err) || !run_body(a, err))
        return false;
    if (hooks_has(a->m, HOOK_AFTER_MIGRATION)) {
        frame_add_resets(&frame);
        frame_add_session(&frame);
    }
    if (!run_hooks(a, HOOK_AFTER_MIGRATION, err))
        return false;
    add_tail(a);
    return send(a, err);
}

static const struct pipeline_item *
failed_item(const struct attempt_tx *a)
{
    static const struct pipeline_item script = { .mark = ITEM_BODY };

    if (a->in_script)
        return &script;
    return &a->items.list[a->pipeline.answered < a->items.count ? a->pipeline.answered
                                                                : a->items.count - 1];
}

/*
 * Whether the failure is a rival's doing. 23505 on the row: another run has applied it, if
 * under the same name. 55P03: another backend is at it; it is waited for.
 */
static enum apply_result
judge_row(struct attempt_tx *a, struct error *err, bool *again)
{
    bool did = false;
    struct error why = { 0 };

    if (strcmp(err->sqlstate, "55P03") == 0) {
        migrator_notify(a->m, (struct event){
                                  .kind = EVENT_WAITING,
                                  .text = a->m->activity.blockers[0] != '\0'
                                              ? a->m->activity.blockers
                                              : "another backend that applies it" });
        ramp_attempt(a->m);
        *again = true;
        return APPLY_FAILED;
    }
    if (strcmp(err->sqlstate, "23505") != 0)
        return APPLY_FAILED;
    if (!rival_did(a->m, a->content, &did, &why) && why.kind == ERROR_PLAN)
        *err = why;
    return did && why.kind == ERROR_NONE ? APPLY_BY_ANOTHER : APPLY_FAILED;
}

/* 22P02 of the guard, 42P01 of the history: who took the lock or the record away? */
static void
explain_guard(struct attempt_tx *a, struct error *err)
{
    struct guard guard = migrator_guard(a->m, GUARD_NO_ROW, 0);
    const struct migration *migration = a->content->migration;
    struct error ignored = { 0 };
    bool held = true;

    if (a->m->server.lock_lost == NULL)
        guard_lock_held(&a->m->server.work, &guard, &held, &ignored);
    if (a->m->server.lock_lost != NULL || !held) {
        error_set(err, ERROR_LOCK, "the run lock was lost while %s ran",
                  source_label(migration, &a->arena));
        error_hint(err, "Run `luamig up` again.");
        return;
    }
    error_set(err, ERROR_SQL, "%s would drop or empty %s.%s; nothing was done",
              source_label(migration, &a->arena), a->m->settings->table.schema,
              a->m->settings->table.name);
    error_hint(err, "Keep luamig's table in a schema of its own (--table).");
}

static bool
is_record_gone(const struct pipeline_item *item, const struct error *err)
{
    static const char *const states[] = { "22P02", "42P01", "3F000" };

    if (item->mark != ITEM_GUARD && item->mark != ITEM_HISTORY)
        return false;
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        if (strcmp(err->sqlstate, states[i]) == 0)
            return true;
    }
    return false;
}

/* A down may take luamig's table with it; it is then run again without the history. */
static bool
drops_record(const struct attempt_tx *a, const struct pipeline_item *item,
             const struct error *err)
{
    return a->content->down && !a->last && is_record_gone(item, err) &&
           strcmp(err->sqlstate, "22P02") != 0;
}

static void
describe(struct attempt_tx *a, const struct pipeline_item *item, struct error *err)
{
    if (item->mark == ITEM_CONSTRAINTS)
        error_within(err, "a deferred constraint, checked at the end of the file");
    if (err->kind == ERROR_CONNECT)
        ; /* it is not the statement's doing */
    else if (a->in_script)
        content_place_script(a->content, err);
    else
        content_place(a->content, item->statement, a->m->server.bytes, err);
    aftermath_explain(a->m, a->content, err);
}

static void
record_failure(struct attempt_tx *a, const struct pipeline_item *item, struct error *err)
{
    struct stop grace;

    describe(a, item, err);
    migrator_grace(a->m, &grace, AFTERMATH_GRACE);
    aftermath_record(a->m, a->content, item->statement, err);
    migrator_heed(a->m);
}

/* A failure that may be none: the row tells, or another attempt is worth it. */
static enum apply_result
settle(struct attempt_tx *a, const struct pipeline_item *item, struct error *err,
       bool *again)
{
    switch (doubt_settle(a->m, a->content, err)) {
    case DOUBT_DONE: return APPLY_DONE;
    case DOUBT_AGAIN: *again = true; return APPLY_FAILED;
    case DOUBT_FAILED: break;
    }
    *again = ramp_again(a->m, a->content, err);
    if (!*again)
        record_failure(a, item, err);
    return APPLY_FAILED;
}

/* What the failed attempt means, once it has been cleaned up behind it. */
static enum apply_result
judge(struct attempt_tx *a, struct error *err, bool *again)
{
    const struct pipeline_item *item = failed_item(a);
    struct stop grace;
    enum apply_result result = APPLY_FAILED;

    if (a->stray)
        return APPLY_IN_DOUBT;
    migrator_grace(a->m, &grace, AFTERMATH_GRACE);
    aftermath_clean(a->m);
    if (a->gone)
        result = APPLY_BY_ANOTHER;
    else if (a->m->server.work.lost)
        ; /* the row tells, below */
    else if (item->mark == ITEM_ROW)
        result = judge_row(a, err, again);
    else if (drops_record(a, item, err))
        *again = a->last = true;
    else if (is_record_gone(item, err))
        explain_guard(a, err);
    migrator_heed(a->m);
    if (result != APPLY_FAILED || *again)
        return result;
    return settle(a, item, err, again);
}

static enum apply_result
attempt(struct migrator *m, const struct content *content, bool *last, struct error *err,
        bool *again)
{
    struct attempt_tx a = { .m = m, .content = content, .last = *last };
    enum apply_result result = APPLY_DONE;

    *again = false;
    m->activity.statement = 0;
    if (!run(&a, err)) {
        if (!a.stray && items_has(&a.items, a.pipeline.answered, ITEM_COMMIT))
            aftermath_reset(m);
        else
            result = judge(&a, err, again);
    }
    *last = a.last;
    items_release(&a.items);
    arena_release(&a.arena);
    return result;
}

enum apply_result
apply_tx(struct migrator *m, const struct content *content, struct error *err)
{
    enum apply_result result;
    bool again, last = false;

    do {
        enum stop_cause cause = stop_cause(m->stop);

        if (cause != STOP_NONE) {
            wait_cause_error(m->stop, cause, err);
            return APPLY_FAILED;
        }
        result = attempt(m, content, &last, err, &again);
    } while (again);
    return result == APPLY_BY_ANOTHER ? rival_or_ours(m, content) : result;
}
