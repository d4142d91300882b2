#include "engine/unit.h"

#include <inttypes.h>
#include <string.h>

#include "engine/aftermath.h"
#include "engine/outside.h"
#include "engine/ramp.h"
#include "pg/exec.h"

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

struct step_key
unit_key(struct stepper *s, const struct sql_unit *unit)
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
                              .run = s->m->run,
                              .pooled = s->m->server.pooled };
}

struct frame
unit_frame(struct stepper *s, struct items *items)
{
    return (struct frame){ .m = s->m,
                           .content = s->content,
                           .arena = &s->arena,
                           .items = items,
                           .confirm = s->confirm };
}

/* Runs the items and releases them; s->at is then the statement that failed, if one did. */
static bool
send_items(struct stepper *s, struct items *items, bool serial)
{
    struct frame frame = unit_frame(s, items);
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
    struct frame frame = unit_frame(s, items);

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
    struct step_key key = unit_key(s, unit);
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
    frame = unit_frame(s, &items);
    if (unit->kind == UNIT_BLOCK) {
        first++;
        last--;
    }
    frame_add_begin(&frame, begin_sql(s, unit));
    if (!s->own_timeout)
        frame_add_lock_timeout(&frame, false);
    add_step(s, &items, unit, true);
    if (s->own_timeout)
        add_plain(s, &items, first, last);
    else
        frame_add_statements(&frame, first, last);
    frame_add_commit(&frame);
    ok = send_items(s, &items, s->content->sql.has_copy);
    s->confirm = false;
    return ok;
}

/* Writes the unit's row by itself, as done or as started. */
static bool
mark(struct stepper *s, const struct sql_unit *unit, bool done)
{
    struct items items = { 0 };
    struct frame frame = unit_frame(s, &items);

    if (!content_has_steps(s->content))
        return true;
    frame_add_begin(&frame, FRAME_BEGIN);
    add_step(s, &items, unit, done);
    frame_add_commit(&frame);
    return send_items(s, &items, false);
}

/* BEGIN ... ROLLBACK: run as it stands, then recorded by itself. */
static bool
run_undone(struct stepper *s, const struct sql_unit *unit)
{
    size_t last = unit->first + unit->count;
    struct items items = { 0 };
    struct frame frame = unit_frame(s, &items);

    items_add_statement(&items, &s->content->sql, unit->first + 1);
    frame_add_prologue(&frame);
    add_plain(s, &items, unit->first + 2, last - 1);
    if (s->m->server.pooled)
        frame_add_discard(&frame);
    items_add_statement(&items, &s->content->sql, last);
    return send_items(s, &items, true) && mark(s, unit, true);
}

/* Changes the row of a started one. */
static bool
change_mark(struct stepper *s, const char *sql)
{
    struct items items = { 0 };
    struct frame frame = unit_frame(s, &items);

    if (!content_has_steps(s->content))
        return true;
    frame_add_begin(&frame, FRAME_BEGIN);
    items_add(&items, ITEM_SETTING, "SET LOCAL search_path = pg_catalog, pg_temp", NULL);
    add_own(s, &items, sql, NULL);
    items_add(&items, ITEM_COMMIT, "COMMIT", NULL);
    return send_items(s, &items, false);
}

bool
unit_finish(struct stepper *s, const struct sql_unit *unit)
{
    struct step_key key = unit_key(s, unit);

    return change_mark(s, steps_finish_sql(&key, s->steps, &s->arena));
}

/*
 * The server said that it failed, and nothing is left of it: no later run needs to ask whether it happened, and the
 * statement may be mended. Only a procedure may have committed some of it.
 */
static void
unmark(struct stepper *s, const struct sql_unit *unit)
{
    struct step_key key = unit_key(s, unit);
    struct error why = *s->err;
    struct frame_end end = s->end;
    struct stop grace;

    if (s->m->server.work.lost || class_of(s, unit)->outside == OUTSIDE_NONE)
        return;
    migrator_grace(s->m, &grace, AFTERMATH_GRACE);
    change_mark(s, steps_unmark_sql(&key, s->steps, &s->arena));
    migrator_heed(s->m);
    *s->err = why;
    s->end = end;
    s->at = unit->first + 1;
}

/* Sends statement n as it stands, outside a transaction. */
static bool
send_statement(struct stepper *s, size_t n)
{
    struct items items = { 0 };

    items_add_statement(&items, &s->content->sql, n);
    return send_items(s, &items, true);
}

static bool
send_at(void *ctx, struct error *err)
{
    struct stepper *s = ctx;
    const struct sql_statement *at = &s->content->sql.statements[s->at - 1];
    const char *sql =
        arena_strndup(&s->arena, s->content->sql.text + at->offset, at->length);
    PGresult *res;
    bool ok = exec_outside(&s->m->server.work, sql, NULL, &res, err);

    PQclear(res);
    return ok;
}

/* Marked started before, done after; what the mark means on a resume is resume's affair. */
static bool
run_outside(struct stepper *s, const struct sql_unit *unit, bool marked)
{
    bool left = false;
    struct outside outside = { .m = s->m,
                               .class = class_of(s, unit),
                               .arena = &s->arena,
                               .timed = s->content->directives.has_timeout,
                               .send = send_at,
                               .ctx = s,
                               .left = &left };

    if (!marked && !mark(s, unit, false))
        return false;
    s->at = unit->first + 1;
    if (outside_run(&outside, s->err))
        return unit_finish(s, unit);
    if (!left && s->err->kind == ERROR_SQL)
        unmark(s, unit);
    return false;
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
bool
unit_resend_session(struct stepper *s, const struct sql_unit *unit)
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

bool
unit_run(struct stepper *s, const struct sql_unit *unit, bool marked)
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
bool
unit_run_patiently(struct stepper *s, const struct sql_unit *unit)
{
    bool is_one = unit->kind != UNIT_UNDONE && class_of(s, unit)->kind != SQL_OUTSIDE;
    bool done;

    ramp_part(s->m, s->content);
    do
        done = unit_run(s, unit, false);
    while (!done && is_one && ramp_again(s->m, s->content, s->err));
    return done;
}
