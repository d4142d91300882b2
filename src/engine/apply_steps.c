#include "engine/apply.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "engine/aftermath.h"
#include "engine/doubt.h"
#include "engine/frame.h"
#include "engine/items.h"
#include "engine/outside.h"
#include "engine/ramp.h"
#include "engine/resume.h"
#include "pg/exec.h"
#include "pg/steps.h"
#include "pg/wait.h"

struct stepper {
    struct migrator *m;
    const struct content *content;
    struct arena arena;
    struct error *err;
    const char *steps; /* the table, quoted */
    struct step *rows; /* of earlier runs */
    size_t row_count;
    size_t at;    /* the statement at work, 1-based */
    bool confirm; /* the transaction at work reads an old snapshot of the lease */
    struct frame_end end;
    bool own_timeout;  /* the file has SET lock_timeout */
    bool role_changed; /* the file may have changed role or session user */
};

static const struct sql_class *
class_of(const struct stepper *s, const struct sql_unit *unit)
{
    return &s->content->sql.classes[unit->first];
}

static const char *
unit_text(const struct stepper *s, const struct sql_unit *unit, size_t *length)
{
    const struct sql_file *sql = &s->content->sql;
    const struct sql_statement *last = &sql->statements[unit->first + unit->count - 1];
    size_t start = sql->statements[unit->first].offset;

    *length = last->offset + last->length - start;
    return sql->text + start;
}

static struct step_key
key_of(struct stepper *s, const struct sql_unit *unit)
{
    size_t length;
    const char *text = unit_text(s, unit, &length);
    char *hash = arena_alloc(&s->arena, DIGEST_HEX);

    digest_sha256(text, length, hash);
    return (struct step_key){ .version = s->content->migration->version,
                              .direction = aftermath_direction(s->content),
                              .n = unit->first + 1,
                              .hash = hash,
                              .name = s->content->migration->name,
                              .run = s->m->run };
}

static struct frame
frame_of(struct stepper *s, struct items *items)
{
    return (struct frame){ .m = s->m,
                           .content = s->content,
                           .arena = &s->arena,
                           .items = items,
                           .confirm = s->confirm };
}

/* Runs the items and releases them; s->at is then the statement that failed, if one did. */
static bool
run_items(struct stepper *s, struct items *items, bool serial)
{
    struct frame frame = frame_of(s, items);
    bool ok = frame_run(&frame, serial, &s->end, s->err);

    if (s->end.statement > 0)
        s->at = s->end.statement;
    return ok;
}

/* luamig's own statement in the middle of the file's. */
static void
add_own(struct stepper *s, struct items *items, const char *sql,
        const struct pg_params *params)
{
    struct frame frame = frame_of(s, items);

    if (!content_has_steps(s->content))
        return;
    if (s->role_changed)
        frame_add_own_role(&frame);
    items_add(items, ITEM_STEP, sql, params);
    if (s->role_changed)
        frame_add_file_role(&frame);
}

static void
add_step(struct stepper *s, struct items *items, const struct sql_unit *unit, bool done)
{
    struct step_key key = key_of(s, unit);
    struct pg_params *params = arena_alloc(&s->arena, sizeof(*params));
    const char *sql = steps_insert(&key, done, s->steps, &s->arena, params);

    add_own(s, items, sql, params);
}

/* Of an explicit block; NULL: none. */
static const char *
modes_of(const struct stepper *s, const struct sql_unit *unit)
{
    return unit->kind == UNIT_BLOCK ? class_of(s, unit)->modes : NULL;
}

static const char *
begin_sql(struct stepper *s, const struct sql_unit *unit)
{
    const char *modes = modes_of(s, unit);

    if (modes != NULL && modes[0] != '\0')
        return arena_printf(&s->arena, "BEGIN READ WRITE, %s", modes);
    return FRAME_BEGIN;
}

static void
add_plain(struct stepper *s, struct items *items, size_t first, size_t last)
{
    for (size_t n = first; n <= last; n++)
        items_add_statement(items, &s->content->sql, n);
}

/* What can run in a block, in a transaction with its row: exactly once. */
static bool
run_in_block(struct stepper *s, const struct sql_unit *unit)
{
    struct items items = { 0 };
    size_t first = unit->first + 1, last = unit->first + unit->count;
    struct frame frame;
    bool ok;

    s->confirm = migrator_must_confirm(s->m, modes_of(s, unit));
    frame = frame_of(s, &items);
    if (unit->kind == UNIT_BLOCK) {
        first++;
        last--;
    }
    items_add(&items, ITEM_BEGIN, begin_sql(s, unit), NULL);
    if (!s->own_timeout)
        frame_add_lock_timeout(&frame, false);
    add_step(s, &items, unit, true);
    if (s->own_timeout)
        add_plain(s, &items, first, last);
    else
        frame_add_statements(&frame, first, last);
    frame_add_commit(&frame);
    ok = run_items(s, &items, s->content->sql.has_copy);
    s->confirm = false;
    return ok;
}

/* Writes the unit's row by itself, as done or as started. */
static bool
mark(struct stepper *s, const struct sql_unit *unit, bool done)
{
    struct items items = { 0 };
    struct frame frame = frame_of(s, &items);

    if (!content_has_steps(s->content))
        return true;
    items_add(&items, ITEM_BEGIN, FRAME_BEGIN, NULL);
    add_step(s, &items, unit, done);
    frame_add_commit(&frame);
    return run_items(s, &items, false);
}

/* BEGIN ... ROLLBACK: run as it stands, then recorded by itself. */
static bool
run_undone(struct stepper *s, const struct sql_unit *unit)
{
    struct items items = { 0 };

    for (size_t n = unit->first + 1; n <= unit->first + unit->count; n++)
        items_add_statement(&items, &s->content->sql, n);
    return run_items(s, &items, true) && mark(s, unit, true);
}

/* Makes a started one done. */
static bool
finish(struct stepper *s, const struct sql_unit *unit)
{
    struct step_key key = key_of(s, unit);
    struct items items = { 0 };

    if (!content_has_steps(s->content))
        return true;
    items_add(&items, ITEM_BEGIN, FRAME_BEGIN, NULL);
    items_add(&items, ITEM_SETTING, "SET LOCAL search_path = pg_catalog, pg_temp", NULL);
    add_own(s, &items, steps_finish_sql(&key, s->steps, &s->arena), NULL);
    items_add(&items, ITEM_COMMIT, "COMMIT", NULL);
    return run_items(s, &items, false);
}

/* Sends statement n as it stands, outside a transaction. */
static bool
send_statement(struct stepper *s, size_t n)
{
    struct items items = { 0 };

    items_add_statement(&items, &s->content->sql, n);
    return run_items(s, &items, true);
}

static bool
send_at(void *ctx, struct error *err)
{
    struct stepper *s = ctx;

    (void)err; /* s->err is the same */
    return send_statement(s, s->at);
}

/* Marked started before, done after; what the mark means on a resume is resume's affair. */
static bool
run_outside(struct stepper *s, const struct sql_unit *unit, bool marked)
{
    struct outside outside = { .m = s->m,
                               .class = class_of(s, unit),
                               .arena = &s->arena,
                               .timed = s->content->directives.has_timeout,
                               .send = send_at,
                               .ctx = s };

    if (!marked && !mark(s, unit, false))
        return false;
    s->at = unit->first + 1;
    return outside_run(&outside, s->err) && finish(s, unit);
}

/* It had done nothing yet: 2D000, a DO or CALL that commits; 25001, §3's list is short. */
static bool
must_run_outside(const struct error *err)
{
    return strcmp(err->sqlstate, "2D000") == 0 || strcmp(err->sqlstate, "25001") == 0;
}

static bool
run_single(struct stepper *s, const struct sql_unit *unit)
{
    struct error ignored = { 0 };

    if (run_in_block(s, unit))
        return true;
    if (s->m->server.work.lost || !must_run_outside(s->err))
        return false;
    return exec_rollback(&s->m->server.work, &ignored) && run_outside(s, unit, false);
}

static bool
run_session(struct stepper *s, const struct sql_unit *unit)
{
    bool ok = send_statement(s, unit->first + 1);

    s->own_timeout = s->own_timeout || class_of(s, unit)->lock_timeout;
    s->role_changed = true;
    /* RESET ALL took luamig's settings away. */
    return ok && exec_command(&s->m->server.work, session_settings(&s->m->server), NULL,
                              s->err);
}

static bool
has_session(const struct stepper *s, const struct sql_unit *unit)
{
    for (size_t i = 0; i < unit->count; i++) {
        if (s->content->sql.classes[unit->first + i].kind == SQL_SESSION)
            return true;
    }
    return false;
}

/* What a done block SET for the session is not there any more: only its rows are. */
static bool
resend_session(struct stepper *s, const struct sql_unit *unit)
{
    bool many = unit->kind == UNIT_BLOCK || unit->kind == UNIT_GROUP;

    for (size_t i = 0; many && i < unit->count; i++) {
        size_t n = unit->first + i + 1;

        if (s->content->sql.classes[n - 1].kind == SQL_SESSION && !send_statement(s, n))
            return false;
    }
    s->role_changed = s->role_changed || has_session(s, unit);
    return true;
}

static bool
run_block(struct stepper *s, const struct sql_unit *unit)
{
    bool ok = run_in_block(s, unit);

    s->role_changed = s->role_changed || has_session(s, unit);
    return ok;
}

static bool
run_unit(struct stepper *s, const struct sql_unit *unit, bool marked)
{
    if (unit->kind == UNIT_UNDONE)
        return run_undone(s, unit);
    if (unit->kind == UNIT_BLOCK || unit->kind == UNIT_GROUP)
        return run_block(s, unit);
    if (class_of(s, unit)->kind == SQL_SESSION)
        return run_session(s, unit);
    if (class_of(s, unit)->kind == SQL_OUTSIDE || marked)
        return run_outside(s, unit, marked);
    return run_single(s, unit);
}

/* What is one transaction gives way to a table lock, and is run again. */
static bool
run_patiently(struct stepper *s, const struct sql_unit *unit)
{
    struct error ignored = { 0 };

    while (!run_unit(s, unit, false)) {
        if (unit->kind == UNIT_UNDONE || class_of(s, unit)->kind == SQL_OUTSIDE ||
            s->m->server.work.lost || !exec_rollback(&s->m->server.work, &ignored) ||
            !ramp_again(s->m, s->content, s->err))
            return false;
    }
    return true;
}

static const struct step *
row_of(const struct stepper *s, const struct sql_unit *unit)
{
    for (size_t i = 0; i < s->row_count; i++) {
        if (s->rows[i].n == unit->first + 1)
            return &s->rows[i];
    }
    return NULL;
}

/* What an earlier run left of this unit decides whether it is run, and how. */
static enum resume_action
decide(struct stepper *s, const struct sql_unit *unit)
{
    struct resume resume = { .m = s->m,
                             .content = s->content,
                             .unit = unit,
                             .step = row_of(s, unit),
                             .hash = key_of(s, unit).hash,
                             .arena = &s->arena };

    return resume_decide(&resume, s->err);
}

static bool
do_unit(struct stepper *s, const struct sql_unit *unit, bool *question)
{
    enum stop_cause cause = stop_cause(s->m->stop);

    s->at = unit->first + 1;
    s->m->activity.statement = s->at;
    if (cause != STOP_NONE)
        return wait_cause_error(s->m->stop, cause, s->err);
    if (unit->kind == UNIT_DROPPED)
        return true;
    switch (decide(s, unit)) {
    case RESUME_SKIP: return resend_session(s, unit);
    case RESUME_RUN: return run_patiently(s, unit);
    case RESUME_AGAIN: return run_unit(s, unit, true);
    case RESUME_FINISH: return finish(s, unit);
    case RESUME_QUESTION: *question = true; return false;
    case RESUME_FAILED: return false;
    }
    return false;
}

/* The row of the migration, and the end of its steps, in one transaction. */
static bool
record(struct stepper *s)
{
    struct items items = { 0 };
    struct frame frame = frame_of(s, &items);

    frame_add_record(&frame, s->steps);
    s->at = 0;
    return run_items(s, &items, false);
}

/* Without a run lock another run may be in the middle of this very file. */
static bool
check_alone(struct stepper *s)
{
    for (size_t i = 0; s->m->settings->lock == LOCK_NONE && i < s->row_count; i++) {
        if (s->rows[i].worker == NULL)
            continue;
        error_set(s->err, ERROR_LOCK, "%s of run %s is at work on %s", s->rows[i].worker,
                  s->rows[i].run, source_label(s->content->migration, &s->arena));
        return error_hint(s->err, "Run `luamig up` again when it has ended, or use a run "
                                  "lock (--lock advisory).");
    }
    return true;
}

static bool
begin(struct stepper *s)
{
    struct session *work = &s->m->server.work;

    if (!content_has_steps(s->content))
        return true;
    s->steps = migrator_table(s->m, "_steps");
    if (!s->m->table.has_steps && !steps_create(work, s->steps, s->err))
        return false;
    s->m->table.has_steps = true;
    return steps_read(work, s->steps, s->content->migration->version,
                      aftermath_direction(s->content), &s->arena, &s->rows, &s->row_count,
                      s->err) &&
           check_alone(s);
}

static void
tell_notices(struct stepper *s)
{
    for (size_t i = 0; i < s->content->sql.notice_count; i++)
        migrator_notify(s->m, (struct event){ .kind = EVENT_NOTICE,
                                              .level = PROBLEM_WARNING,
                                              .text = s->content->sql.notices[i] });
}

static bool
run_all(struct stepper *s, bool *question)
{
    const struct sql_file *sql = &s->content->sql;

    tell_notices(s);
    if (!begin(s))
        return false;
    for (size_t i = 0; i < sql->unit_count; i++) {
        if (!do_unit(s, &sql->units[i], question))
            return false;
    }
    return record(s);
}

/* Cleans up behind a failure; what a lost connection leaves open is settled. */
static enum doubt
settle(struct stepper *s)
{
    struct stop grace;

    migrator_grace(s->m, &grace, AFTERMATH_GRACE);
    aftermath_clean(s->m);
    if (s->end.guard_failed)
        aftermath_explain_guard(s->m, s->err);
    migrator_heed(s->m);
    return doubt_settle(s->m, s->content, s->err);
}

static void
explain(struct stepper *s, bool *in_doubt)
{
    struct stop grace;

    migrator_grace(s->m, &grace, AFTERMATH_GRACE);
    if (s->m->server.work.lost) {
        aftermath_explain_loss(s->m, s->content, s->err);
    } else {
        content_place(s->content, s->at, s->m->server.bytes, s->err);
        aftermath_explain(s->m, s->content, s->err);
        *in_doubt = *in_doubt || aftermath_is_half_done(s->m, s->content, s->err);
        aftermath_record(s->m, s->content, s->at, s->err);
    }
    migrator_heed(s->m);
}

static enum apply_result
attempt(struct stepper *s, bool *again)
{
    bool question = false;

    if (run_all(s, &question))
        return APPLY_DONE;
    switch (settle(s)) {
    case DOUBT_DONE: return APPLY_DONE;
    case DOUBT_AGAIN: *again = true; return APPLY_FAILED;
    case DOUBT_FAILED: break;
    }
    explain(s, &question);
    return question ? APPLY_IN_DOUBT : APPLY_FAILED;
}

/* Each attempt goes on from what is recorded. */
enum apply_result
apply_steps(struct migrator *m, const struct content *content, struct error *err)
{
    enum apply_result result;
    bool again;

    do {
        struct stepper s = { .m = m, .content = content, .err = err };

        again = false;
        result = attempt(&s, &again);
        arena_release(&s.arena);
    } while (again);
    return result;
}
