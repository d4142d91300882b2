#include "engine/apply.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "engine/aftermath.h"
#include "engine/items.h"
#include "engine/resume.h"
#include "engine/stepper.h"
#include "pg/exec.h"
#include "pg/wait.h"

const struct sql_class *
stepper_class(const struct stepper *s, const struct sql_unit *unit)
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

static void
add_step(struct stepper *s, struct items *items, const struct step_key *key, bool done)
{
    struct pg_params *params = arena_alloc(&s->arena, sizeof(*params));
    const char *sql = steps_insert(key, done, s->steps, &s->arena, params);

    items_add(items, ITEM_STEP, sql, params);
}

bool
stepper_run(struct stepper *s, struct items *items, bool serial)
{
    struct pipeline pipeline = { .session = &s->m->server.work,
                                 .items = items->list,
                                 .count = items->count,
                                 .serial = serial,
                                 .confirm =
                                     s->confirm ? items_find(items, ITEM_COMMIT) : 0 };
    bool ok = pipeline_run(&pipeline, s->err);

    if (!ok && pipeline.answered < items->count) {
        const struct pipeline_item *failed = &items->list[pipeline.answered];

        s->at = failed->statement > 0 ? failed->statement : s->at;
        s->guard_failed = failed->mark == ITEM_GUARD && failed->statement == 0 &&
                          strcmp(s->err->sqlstate, "22P02") == 0;
    }
    /* COMMIT came before the cancel: it is done. */
    if (!ok && items_has(items, pipeline.answered, ITEM_COMMIT))
        ok = true;
    items_release(items);
    return ok;
}

static void
add_lock_timeout(struct stepper *s, struct items *items)
{
    const struct directives *d = &s->content->directives;

    items_add(items, ITEM_SETTING,
              arena_printf(&s->arena, "SET LOCAL lock_timeout = %" PRId64,
                           d->has_lock_timeout ? d->lock_timeout
                                               : s->m->settings->lock_timeout),
              NULL);
}

/*
 * luamig's own statements run as luamig's role, the file's as the file's. It is kept in a
 * setting of the transaction until its statement comes; all of it is rolled back with a
 * failure. (pg_settings does not list role, so there is no value to SET LOCAL.)
 */
static void
add_own_role(struct stepper *s, struct items *items)
{
    if (!s->role_changed)
        return;
    items_add(items, ITEM_SETTING,
              "SELECT pg_catalog.set_config('luamig.role',"
              " pg_catalog.current_setting('role'), true),"
              " pg_catalog.set_config('luamig.user',"
              " pg_catalog.current_setting('session_authorization'), true)",
              NULL);
    items_add(items, ITEM_SETTING, "RESET SESSION AUTHORIZATION", NULL);
    items_add(items, ITEM_SETTING, "RESET ROLE", NULL);
}

static void
add_file_role(struct stepper *s, struct items *items)
{
    if (!s->role_changed)
        return;
    items_add(items, ITEM_SETTING,
              "SELECT pg_catalog.set_config('session_authorization',"
              " pg_catalog.current_setting('luamig.user'), false)",
              NULL);
    items_add(items, ITEM_SETTING,
              "SELECT pg_catalog.set_config('role',"
              " pg_catalog.current_setting('luamig.role'), false)",
              NULL);
}

/*
 * The lock alone; in this transaction the path is ours, afterwards the file's again. A
 * lease is read as luamig's role.
 */
static void
add_guard_and_commit(struct stepper *s, struct items *items)
{
    struct guard guard = migrator_guard(s->m, GUARD_NO_ROW, 0);
    bool reads = guard.lease != NULL && !s->confirm;

    guard.has_lock = guard.has_lock && !s->confirm;
    items_add(items, ITEM_CONSTRAINTS, "SET CONSTRAINTS ALL IMMEDIATE", NULL);
    if (reads)
        add_own_role(s, items);
    items_add(items, ITEM_SETTING, "SET LOCAL search_path = pg_catalog, pg_temp", NULL);
    items_add(items, ITEM_GUARD, guard_sql(&guard, &s->arena), NULL);
    if (reads)
        add_file_role(s, items);
    items_add(items, ITEM_COMMIT, "COMMIT", NULL);
}

/* Of an explicit block; NULL: none. */
static const char *
modes_of(const struct stepper *s, const struct sql_unit *unit)
{
    return unit->kind == UNIT_BLOCK ? stepper_class(s, unit)->modes : NULL;
}

static const char *
begin_sql(struct stepper *s, const struct sql_unit *unit)
{
    const char *modes = modes_of(s, unit);

    if (modes != NULL && modes[0] != '\0')
        return arena_printf(&s->arena, "BEGIN READ WRITE, %s", modes);
    return "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";
}

/* What can run in a block, in a transaction with its row: exactly once. */
static bool
run_in_block(struct stepper *s, const struct sql_unit *unit)
{
    struct step_key key = key_of(s, unit);
    struct items items = { 0 };
    size_t first = unit->first + 1, last = unit->first + unit->count;
    bool ok;

    s->confirm = migrator_must_confirm(s->m, modes_of(s, unit));
    if (unit->kind == UNIT_BLOCK) {
        first++;
        last--;
    }
    items_add(&items, ITEM_BEGIN, begin_sql(s, unit), NULL);
    add_lock_timeout(s, &items);
    add_own_role(s, &items);
    add_step(s, &items, &key, true);
    add_file_role(s, &items);
    for (size_t n = first; n <= last; n++)
        items_add_statement(&items, &s->content->sql, n);
    add_guard_and_commit(s, &items);
    ok = stepper_run(s, &items, s->content->sql.has_copy);
    s->confirm = false;
    return ok;
}

/* BEGIN ... ROLLBACK: run as it stands, then recorded by itself. */
bool
stepper_mark(struct stepper *s, const struct sql_unit *unit, bool done)
{
    struct step_key key = key_of(s, unit);
    struct items items = { 0 };

    items_add(&items, ITEM_BEGIN, "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
              NULL);
    add_own_role(s, &items);
    add_step(s, &items, &key, done);
    add_file_role(s, &items);
    add_guard_and_commit(s, &items);
    return stepper_run(s, &items, false);
}

static bool
run_undone(struct stepper *s, const struct sql_unit *unit)
{
    struct items items = { 0 };

    for (size_t n = unit->first + 1; n <= unit->first + unit->count; n++)
        items_add_statement(&items, &s->content->sql, n);
    return stepper_run(s, &items, true) && stepper_mark(s, unit, true);
}

bool
stepper_finish(struct stepper *s, const struct sql_unit *unit)
{
    struct step_key key = key_of(s, unit);
    struct items items = { 0 };

    items_add(&items, ITEM_BEGIN, "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
              NULL);
    add_own_role(s, &items);
    items_add(&items, ITEM_SETTING, "SET LOCAL search_path = pg_catalog, pg_temp", NULL);
    items_add(&items, ITEM_STEP, steps_finish_sql(&key, s->steps, &s->arena), NULL);
    add_file_role(s, &items);
    items_add(&items, ITEM_COMMIT, "COMMIT", NULL);
    return stepper_run(s, &items, false);
}

bool
stepper_send(struct stepper *s, size_t n)
{
    struct items items = { 0 };

    items_add_statement(&items, &s->content->sql, n);
    return stepper_run(s, &items, true);
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
    return exec_rollback(&s->m->server.work, &ignored) && stepper_outside(s, unit, false);
}

static bool
run_session(struct stepper *s, const struct sql_unit *unit)
{
    bool ok = stepper_send(s, unit->first + 1);

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
    for (size_t i = 0; unit->kind == UNIT_BLOCK && i < unit->count; i++) {
        size_t n = unit->first + i + 1;

        if (s->content->sql.classes[n - 1].kind == SQL_SESSION && !stepper_send(s, n))
            return false;
    }
    s->role_changed = s->role_changed || has_session(s, unit);
    return true;
}

static bool
run_block(struct stepper *s, const struct sql_unit *unit)
{
    s->role_changed = s->role_changed || has_session(s, unit);
    return run_in_block(s, unit);
}

static bool
run_unit(struct stepper *s, const struct sql_unit *unit, bool marked)
{
    if (unit->kind == UNIT_UNDONE)
        return run_undone(s, unit);
    if (unit->kind == UNIT_BLOCK)
        return run_block(s, unit);
    if (stepper_class(s, unit)->kind == SQL_SESSION)
        return run_session(s, unit);
    if (stepper_class(s, unit)->kind == SQL_OUTSIDE || marked)
        return stepper_outside(s, unit, marked);
    return run_single(s, unit);
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
    case RESUME_RUN: return run_unit(s, unit, false);
    case RESUME_AGAIN: return run_unit(s, unit, true);
    case RESUME_FINISH: return stepper_finish(s, unit);
    case RESUME_QUESTION: *question = true; return false;
    case RESUME_FAILED: return false;
    }
    return false;
}

/* The row of the migration, and the end of its steps, in one transaction. */
static bool
record(struct stepper *s)
{
    struct guard guard =
        migrator_guard(s->m, s->content->down ? GUARD_ROW_GONE : GUARD_ROW_IS,
                       s->content->migration->version);
    struct items items = { 0 };

    items_add(&items, ITEM_BEGIN, "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
              NULL);
    items_add(&items, ITEM_SETTING, "RESET SESSION AUTHORIZATION", NULL);
    items_add(&items, ITEM_SETTING, "RESET ROLE", NULL);
    items_add(&items, ITEM_SETTING, "SET LOCAL search_path = pg_catalog, pg_temp", NULL);
    aftermath_add_row(s->m, s->content, &s->arena, &items);
    items_add(&items, ITEM_STEP,
              steps_delete_sql(s->content->migration->version, s->steps, &s->arena),
              NULL);
    aftermath_add_history(s->m, s->content, &s->arena, &items);
    items_add(&items, ITEM_GUARD, guard_sql(&guard, &s->arena), NULL);
    items_add(&items, ITEM_COMMIT, "COMMIT", NULL);
    items_add(&items, ITEM_AFTER, "DISCARD ALL", NULL);
    items_add(&items, ITEM_AFTER, session_settings(&s->m->server), NULL);
    s->at = 0;
    return stepper_run(s, &items, false);
}

/* Without a run lock another run may be in the middle of this very file. */
static bool
check_alone(struct stepper *s)
{
    for (size_t i = 0; s->m->settings->lock == LOCK_NONE && i < s->row_count; i++) {
        if (s->rows[i].worker == NULL)
            continue;
        error_set(s->err, ERROR_LOCK, "%s of run %s is at work on %s_%s",
                  s->rows[i].worker, s->rows[i].run, s->content->migration->version_text,
                  s->content->migration->name);
        return error_hint(s->err, "Run `luamig up` again when it has ended, or use a run "
                                  "lock (--lock advisory).");
    }
    return true;
}

static bool
begin(struct stepper *s)
{
    struct session *work = &s->m->server.work;

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

enum apply_result
apply_steps(struct migrator *m, const struct content *content, struct error *err)
{
    struct stepper s = { .m = m, .content = content, .err = err };
    bool question = false, done = run_all(&s, &question);

    if (!done)
        stepper_explain(&s, &question);
    arena_release(&s.arena);
    if (done)
        return APPLY_DONE;
    return question ? APPLY_IN_DOUBT : APPLY_FAILED;
}
