#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backfill/state.h"
#include "pg/exec.h"
#include "pg/pooler.h"
#include "pg/role.h"

#define TO_CLEAN 5000 /* ms */

enum item {
    ITEM_BEGIN,
    ITEM_PROLOGUE,
    ITEM_SETTING,
    ITEM_FENCE,
    ITEM_READ,
    ITEM_AHEAD,
    ITEM_WRITE,
    ITEM_CONSTRAINTS,
    ITEM_ADVANCE,
    ITEM_COMMIT
};

struct turn {
    struct backfill *b;
    struct batch *now, *reading; /* NULL: none */
    struct turn_result *out;
    struct talk talk;
    struct patience patience;
    struct arena arena;
    struct error *err;
    bool fenced, advanced, committed;
    bool conflict;       /* not all rows were written, and nobody knows which */
    const char *written; /* numbers of the rows that were, if not all were */
    bool counting;       /* there are late counts to be added */
    struct claim_counts late;
};

static int64_t
now_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* Rows that are too much are not kept: the range will end before them. */
static void
take_rows(struct batch *batch, const PGresult *res)
{
    if (batch->full)
        return;
    if (batch->rows.count > 0 && batch->rows.bytes.len > BACKFILL_BYTES) {
        batch->full = true;
        batch->cut = batch->rows.count;
        return;
    }
    rows_add(&batch->rows, res);
}

/* The last batch of the turn: what lies ahead begins behind it. */
static struct batch *
last_batch(const struct turn *t)
{
    return t->b->next->present ? t->b->next : t->b->now;
}

static void
on_row(void *ctx, int id, PGresult *res)
{
    struct turn *t = ctx;

    switch ((enum item)id) {
    case ITEM_FENCE: t->fenced = true; break;
    case ITEM_READ: take_rows(t->reading, res); break;
    case ITEM_AHEAD:
        t->out->ahead = arena_strdup(&last_batch(t)->arena, PQgetvalue(res, 0, 0));
        break;
    case ITEM_WRITE:
        if (t->b->spec->kind == BACKFILL_MAP && !PQgetisnull(res, 0, 1))
            t->written = arena_strdup(&t->arena, PQgetvalue(res, 0, 1));
        else if (t->b->spec->kind == BACKFILL_MAP &&
                 strtoull(PQgetvalue(res, 0, 0), NULL, 10) < t->now->changes.count)
            t->written = "{}";
        break;
    case ITEM_ADVANCE:
        t->advanced = true;
        t->out->status = checkpoint_status(PQgetvalue(res, 0, 0));
        break;
    case ITEM_PROLOGUE: pooler_note_backend(t->b->env->work, res); break;
    case ITEM_BEGIN:
    case ITEM_SETTING:
    case ITEM_CONSTRAINTS:
    case ITEM_COMMIT: break;
    }
}

/* A failed transaction answers COMMIT with ROLLBACK. */
static void
on_end(void *ctx, int id, PGresult *res)
{
    struct turn *t = ctx;

    if (id == ITEM_COMMIT)
        t->committed = strcmp(PQcmdStatus(res), "COMMIT") == 0;
    if (id != ITEM_WRITE)
        return;
    if (t->b->spec->kind == BACKFILL_SQL)
        t->out->counts.written = strtoll(PQcmdTuples(res), NULL, 10);
    else if (t->b->careful == 0)
        t->conflict = strtoull(PQcmdTuples(res), NULL, 10) < t->now->changes.count;
}

static void
send_list(struct turn *t, const char *const *list)
{
    for (; t->b->roles && *list != NULL; list++)
        talk_send(&t->talk, ITEM_SETTING, *list, NULL);
}

static void
send_own(struct turn *t, enum item item, const char *sql, struct pg_params params)
{
    send_list(t, role_own);
    talk_send(&t->talk, (int)item, sql, &params);
    send_list(t, role_file);
}

static void
send_fence(struct turn *t)
{
    const struct claim *claim = &t->b->claim;
    const char *more[] = { t->b->cursor };

    send_own(t, ITEM_FENCE, claim_fence_sql(claim, &t->arena),
             claim_params(claim, more, 1, &t->arena));
}

static void
send_advance(struct turn *t)
{
    const struct claim *claim = &t->b->claim;
    const struct range *range = &t->now->range;
    const char *more[] = { t->b->cursor, range->hi,
                           arena_printf(&t->arena, "%lld", (long long)range->keys),
                           arena_printf(&t->arena, "%zu", t->now->changes.count) };

    if (!t->now->retry)
        send_own(t, ITEM_ADVANCE, claim_advance_sql(claim, &t->arena),
                 claim_params(claim, more, 4, &t->arena));
}

static struct pg_params
range_params(struct turn *t, const struct range *range)
{
    const char **values = arena_alloc(&t->arena, 2 * sizeof(*values));

    values[0] = range->lo;
    values[1] = range->hi;
    return (struct pg_params){ .count = 2, .values = values };
}

static void
send_read(struct turn *t, bool locked)
{
    struct pg_params params = range_params(t, &t->reading->range);

    talk_send(&t->talk, ITEM_READ,
              write_read_sql(&t->b->target, t->reading->range.from, t->b->spec->where,
                             locked, &t->arena),
              &params);
}

static void
send_ahead(struct turn *t)
{
    struct backfill *b = t->b;
    int64_t keys = pace_size(&b->pace);
    const char *values[] = { last_batch(t)->range.hi, b->bounds.upper,
                             arena_printf(&t->arena, "%lld", (long long)keys) };
    struct pg_params params = { .count = 3, .values = values };

    if (last_batch(t)->retry)
        return;
    t->out->ahead_keys = keys;
    talk_send(&t->talk, ITEM_SETTING, walk_end_before, NULL);
    talk_send(&t->talk, ITEM_AHEAD, walk_end_sql(&b->target, WALK_BEHIND, &t->arena),
              &params);
    talk_send(&t->talk, ITEM_SETTING, walk_end_behind, NULL);
}

static void
send_write(struct turn *t)
{
    struct backfill *b = t->b;
    struct batch *now = t->now;
    struct pg_params params;

    if (now->skip)
        return;
    if (b->spec->kind == BACKFILL_SQL) {
        params = range_params(t, &now->range);
        talk_send(&t->talk, ITEM_WRITE, backfill_script_sql(b, now, &t->arena), &params);
    } else if (now->changes.count > 0) {
        changes_params(&now->changes, &now->range, now->changes.width, &t->arena,
                       &params);
        talk_send(&t->talk, ITEM_WRITE,
                  b->careful == 0 ? write_sql(&b->target, now->range.from, &t->arena)
                                  : write_told_sql(&b->target, now->range.from,
                                                   now->changes.count, &t->arena),
                  &params);
    }
}

static void
send_begin(struct turn *t)
{
    const char *prologue = t->b->env->work->prologue;

    talk_send(&t->talk, ITEM_BEGIN, BACKFILL_BEGIN, NULL);
    if (prologue != NULL)
        talk_send(&t->talk, ITEM_PROLOGUE, prologue, NULL);
    talk_send(&t->talk, ITEM_SETTING, backfill_settings(t->b, &t->arena), NULL);
    if (t->now != NULL)
        send_fence(t);
}

static void
send_end(struct turn *t)
{
    if (t->now != NULL) {
        talk_send(&t->talk, ITEM_CONSTRAINTS, "SET CONSTRAINTS ALL IMMEDIATE", NULL);
        send_advance(t);
    }
    talk_sync(&t->talk);
}

/* The errors table is the record of what was not written. */
static bool
write_errors(struct turn *t)
{
    struct backfill *b = t->b;
    struct batch *now = t->now;
    const char *key = now->range.hi;

    for (const struct failed_row *f = now->errors; f != NULL; f = f->next) {
        if (f->row != WHOLE_RANGE &&
            !backfill_cursor(b, &now->rows, f->row, &t->arena, &key, t->err))
            return false;
        if (!claim_add_error(&b->claim, key, f->message, f->sqlstate, t->err))
            return false;
    }
    return now->errors != NULL || !now->retry || claim_drop_error(&b->claim, key, t->err);
}

/* What the pipeline could not know when it was sent. */
static bool
settle(struct turn *t)
{
    struct backfill *b = t->b;
    struct claim_counts *counts = &t->out->counts, *late = &t->late;
    bool failed;

    if (t->written != NULL &&
        (!conflicts_settle(b, t->now, t->written, late, t->err) ||
         !exec_command(b->env->work, "SET CONSTRAINTS ALL IMMEDIATE", NULL, t->err)))
        return false;
    counts->written += late->written;
    counts->conflicts = late->conflicts;
    counts->suppressed = late->suppressed;
    if (b->spec->kind != BACKFILL_MAP || t->now->retry)
        late->written = counts->written;
    failed = t->now->errors != NULL || t->now->retry;
    t->counting = t->written != NULL || late->written != 0 || failed;
    return !failed || (backfill_role(b, role_own, t->err) && write_errors(t) &&
                       backfill_role(b, role_file, t->err));
}

/* It travels with COMMIT. */
static void
send_count(struct turn *t)
{
    const struct claim *claim = &t->b->claim;
    const char *more[] = { arena_printf(&t->arena, "%" PRId64, t->late.written),
                           arena_printf(&t->arena, "%" PRId64, t->late.conflicts),
                           arena_printf(&t->arena, "%" PRId64, t->late.suppressed) };

    if (t->counting)
        send_own(t, ITEM_SETTING, claim_count_sql(claim, &t->arena),
                 claim_params(claim, more, 3, &t->arena));
}

/* Behind the first Sync: all is well, or it is not committed. */
static bool
is_ours(const struct turn *t)
{
    if (t->conflict)
        return false;
    return t->now == NULL || (t->fenced && (t->advanced || t->now->retry));
}

/* What the script's function left in the session is not for the pooler's next client. */
static void
send_resets(struct turn *t)
{
    const char *list[POOLER_RESETS];
    size_t count = pooler_resets(t->b->env->work->server, list);

    for (size_t i = 0; t->b->env->work->prologue != NULL && i < count; i++)
        talk_send(&t->talk, ITEM_SETTING, list[i], NULL);
}

static bool
send_commit(struct turn *t)
{
    if (!talk_end(&t->talk, t->err) || !is_ours(t) || (t->now != NULL && !settle(t)))
        return false;
    if (t->now != NULL)
        throttle_ask(&t->b->throttle);
    talk_begin(&t->talk);
    send_count(t);
    send_resets(t);
    talk_send(&t->talk, ITEM_COMMIT, "COMMIT", NULL);
    talk_sync(&t->talk);
    return true;
}

/* Maps a slice of the batch that was read; false: there is nothing to map. */
static bool
map_slice(struct turn *t)
{
    struct batch *next = t->b->next;

    if (!next->present || t->b->spec->kind != BACKFILL_MAP || next->failed ||
        next->mapped == next->rows.count)
        return false;
    backfill_map(t->b, next);
    return true;
}

/* Rows are mapped while the server writes; it is given all that it needs before. */
static bool
finish(struct turn *t)
{
    bool committing = false, mapping, hearing;

    while ((!talk_is_answered(&t->talk, ITEM_READ) || t->talk.output_waits) &&
           talk_hear(&t->talk, true))
        ;
    do {
        mapping = map_slice(t);
        hearing = talk_hear(&t->talk, !mapping);
        if (hearing || committing)
            continue;
        if (!send_commit(t))
            return false;
        committing = hearing = true;
    } while (mapping || hearing);
    return talk_end(&t->talk, t->err);
}

static bool
run_piped(struct turn *t)
{
    t->reading = t->b->next->present ? t->b->next : NULL;
    talk_begin(&t->talk);
    send_begin(t);
    if (t->reading != NULL)
        send_read(t, false);
    send_ahead(t);
    talk_hurry(&t->talk);
    if (t->now != NULL)
        send_write(t);
    send_end(t);
    return finish(t);
}

/* The script's function sees rows that nobody changes any more. */
static bool
run_each(struct turn *t)
{
    const struct backfill_calls *calls = t->b->calls;
    struct batch *now = t->now;

    t->reading = now;
    talk_begin(&t->talk);
    send_begin(t);
    if (!now->skip)
        send_read(t, true);
    talk_sync(&t->talk);
    if (!talk_end(&t->talk, t->err) || !t->fenced)
        return false;
    if (!now->skip && now->rows.count > 0) {
        if (!calls->each(calls->ctx, &now->rows, t->err))
            return false;
        t->out->counts.written = (int64_t)now->rows.count;
    }
    talk_begin(&t->talk);
    send_ahead(t);
    send_end(t);
    return finish(t);
}

/* In time of its own, whatever stopped the batch. */
static void
roll_back(struct turn *t)
{
    struct server *server = t->b->env->work->server;
    struct stop *outer = server->stop, grace = { 0 };
    bool cleaning = server->cleaning;
    struct error ignored = { 0 };

    stop_limit(&grace, LIMIT_GRACE, TO_CLEAN);
    server->stop = &grace;
    server->cleaning = true;
    if (!t->b->env->work->lost)
        exec_rollback(t->b->env->work, &ignored);
    server->stop = outer;
    server->cleaning = cleaning;
}

static enum turn_end
end_of(struct turn *t, bool ok)
{
    if (ok && t->committed)
        return TURN_DONE;
    if (ok)
        error_set(t->err, ERROR_SQL, "the batch was rolled back at its COMMIT");
    roll_back(t);
    if (t->conflict && t->err->kind == ERROR_NONE)
        return TURN_CONFLICT;
    return t->err->kind == ERROR_NONE ? TURN_LOST : TURN_FAILED;
}

enum turn_end
turn_run(struct backfill *b, struct turn_result *result, struct error *err)
{
    struct turn t = { .b = b,
                      .now = b->now->present ? b->now : NULL,
                      .out = result,
                      .err = err,
                      .talk = {
                          .session = b->env->work, .on_row = on_row, .on_end = on_end } };
    int64_t began = now_us();
    enum turn_end end;
    bool ok;

    *result = (struct turn_result){ .status = CHECKPOINT_RUNNING };
    result->counts.written = t.now != NULL ? (int64_t)t.now->changes.count : 0;
    *err = (struct error){ 0 };
    t.talk.patience = &t.patience;
    t.talk.ctx = &t;
    patience_begin(&t.patience, b->env->work->server);
    ok = b->spec->kind == BACKFILL_EACH && t.now != NULL ? run_each(&t) : run_piped(&t);
    patience_end(&t.patience);
    end = end_of(&t, ok);
    result->us = now_us() - began;
    arena_release(&t.arena);
    return end;
}
