#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "backfill/state.h"
#include "pg/exec.h"
#include "pg/wait.h"

#define CAREFUL 20 /* batches behind one that met a conflict */

void
backfill_tell(struct backfill *b, int64_t keys, int64_t us, bool done)
{
    struct backfill_env *env = b->env;
    double rate = us > 0 ? 1e6 * (double)keys / (double)us : b->rate;
    struct checkpoint now = { .rows = b->rows,
                              .estimate = b->total,
                              .status = done ? CHECKPOINT_DONE : CHECKPOINT_RUNNING };
    struct backfill_progress p = { .name = b->spec->name,
                                   .table = b->target.shown,
                                   .rows = b->rows,
                                   .total =
                                       b->total > b->rows && !done ? b->total : b->rows,
                                   .percent = checkpoint_percent(&now),
                                   .eta = -1,
                                   .batch = keys,
                                   .elapsed = us / 1000,
                                   .lag = throttle_lag(&b->throttle),
                                   .conflicts = b->counts.conflicts,
                                   .suppressed = b->counts.suppressed,
                                   .errors = b->errors };

    b->rate = b->rate > 0 ? b->rate + 0.1 * (rate - b->rate) : rate;
    p.rate = b->rate;
    if (b->rate >= 1)
        p.eta = (int64_t)((double)(p.total - p.rows) / b->rate);
    env->progress(env->ctx, &p, done);
}

static void
warn_suppressed(struct backfill *b)
{
    if (b->warned || b->counts.suppressed == 0)
        return;
    b->warned = true;
    b->env
        ->warn(b->env->ctx,
               arena_printf(&b->arena,
                            "backfill '%s': a trigger refuses writes to '%s'; such rows "
                            "are left as they are and counted as suppressed",
                            b->spec->name, b->target.shown));
}

/* The batch is committed. */
static void
take_in(struct backfill *b, const struct turn_result *result)
{
    struct batch *now = b->now;
    size_t bytes = now->rows.bytes.len + changes_bytes(&now->changes);

    if (!now->retry) {
        free(b->cursor);
        b->cursor = xstrdup(now->range.hi);
        b->rows += now->range.keys;
        pace_done(&b->pace, now->range.keys, result->us, (int64_t)bytes);
        b->errors += now->error_count;
    }
    b->counts.written += result->counts.written;
    b->counts.conflicts += result->counts.conflicts;
    b->counts.suppressed += result->counts.suppressed;
    backfill_hold_clocks(b, b->env->lock_retry);
    warn_suppressed(b);
    if (result->counts.conflicts + result->counts.suppressed > 0)
        b->careful = CAREFUL;
    else if (b->careful > 0)
        b->careful--;
    backfill_tell(b, now->range.keys, result->us, false);
}

/* What lies ahead becomes the next range, what was read becomes what is written. */
static void
move_on(struct backfill *b, const struct turn_result *result)
{
    struct batch *now = b->now, *slot;
    struct range ahead = { .from = WALK_BEHIND, .keys = result->ahead_keys };
    bool cut = b->next->full || b->next->failed;
    char *lo = NULL, *hi = NULL;

    if (result->ahead != NULL && !cut) {
        lo = xstrdup(b->next->present ? b->next->range.hi : now->range.hi);
        hi = xstrdup(result->ahead);
    }
    batch_clear(now);
    if (b->next->present) {
        b->now = b->next;
        b->next = now;
    }
    slot = b->spec->kind == BACKFILL_MAP ? b->next : b->now;
    if (hi != NULL) {
        ahead.lo = arena_strdup(&slot->arena, lo);
        ahead.hi = arena_strdup(&slot->arena, hi);
        slot->range = ahead;
        slot->present = true;
    }
    free(lo);
    free(hi);
}

/*
 * A batch that could not be taken whole ends before the row where it was cut; false: that
 * is the first one, and it has failed.
 */
static bool
shorten(struct backfill *b, struct error *err)
{
    struct batch *now = b->now;

    if (!now->present || (!now->full && !now->failed))
        return true;
    if (now->failed && (now->cut == 0 || !backfill_is_row_error(&now->why))) {
        *err = now->why;
        return false;
    }
    now->range.keys = (int64_t)now->cut;
    return backfill_begin(b, false, err) &&
           backfill_cursor(b, &now->rows, now->cut - 1, &now->arena, &now->range.hi,
                           err) &&
           backfill_commit(b, false, err);
}

static bool
is_about_locks(const struct error *err)
{
    return strcmp(err->sqlstate, "55P03") == 0 || strcmp(err->sqlstate, "40P01") == 0 ||
           strcmp(err->sqlstate, "40001") == 0;
}

/* The one row that the batch's failure can be about. */
static bool
find_culprit(const struct batch *now, size_t *row)
{
    *row = now->changes.count == 1 ? now->changes.rows[0]
           : now->rows.count == 1  ? 0
                                   : WHOLE_RANGE;
    return *row != WHOLE_RANGE || now->range.keys == 1;
}

static void
name_row(struct backfill *b, size_t row, struct error *err)
{
    struct batch *now = b->now;
    const char *key = row == WHOLE_RANGE
                          ? arena_printf(&b->arena, "with key %s", now->range.hi)
                          : write_key_text(&b->target, &now->rows, row, &b->arena);

    error_within(err, "row %s of '%s'", key, b->target.shown);
}

/* Goes on with smaller batches, or without the row; false: it stands. */
static bool
handle_row_error(struct backfill *b, struct error *err)
{
    struct batch *now = b->now;
    size_t row;

    if (!find_culprit(now, &row)) {
        pace_bisect(&b->pace, now->range.keys);
        backfill_clear(b);
        return true;
    }
    batch_clear(b->next);
    if (!now->retry && !backfill_may_fail(b)) {
        name_row(b, row, err);
        return false;
    }
    batch_note_error(now, row, err);
    changes_reset(&now->changes);
    now->skip = true;
    pace_found(&b->pace);
    return true;
}

static bool
handle_failure(struct backfill *b, struct error *err)
{
    if (b->env->work->lost)
        return false;
    if (err->kind == ERROR_SQL && is_about_locks(err)) {
        if (!b->env->again(b->env->ctx, err))
            return false;
        pace_halve(&b->pace);
        backfill_clear(b);
        return true;
    }
    return b->now->present && backfill_is_row_error(err) && handle_row_error(b, err);
}

/* Whoever has the row now; a restart from elsewhere leaves the token. */
static bool
handle_lost(struct backfill *b, struct error *err)
{
    struct checkpoint row = { 0 };
    bool found;

    backfill_clear(b);
    if (!backfill_begin(b, true, err) ||
        !claim_read(&b->claim, &b->arena, &found, &row, err) ||
        !backfill_commit(b, true, err))
        return false;
    if (found && row.owner != NULL && strcmp(row.owner, b->claim.token) == 0)
        return backfill_claim(b, err);
    b->env->taken_over = true;
    error_set(err, ERROR_LOCK, "another run has taken over backfill '%s'", b->spec->name);
    if (found && row.run != NULL)
        error_detail(err, "Run %s (%s) has it now; this one has written nothing since.",
                     row.run, row.worker != NULL ? row.worker : "its backend has ended");
    return false;
}

static bool
may_go_on(struct backfill *b, struct error *err)
{
    struct stop *stop = b->env->work->server->stop;
    enum stop_cause cause = stop_cause(stop);

    return cause == STOP_NONE || wait_cause_error(stop, cause, err);
}

/* One turn and what follows it; false: a failure, a person, or a row that map failed at. */
static bool
run_turn(struct backfill *b, struct error *err)
{
    struct turn_result result;
    bool last, wrote = b->now->present;

    if (!may_go_on(b, err) || !shorten(b, err))
        return false;
    last = b->now->present && b->now->failed;
    if (last)
        batch_clear(b->next);
    switch (turn_run(b, &result, err)) {
    case TURN_CONFLICT:
        b->careful = CAREFUL;
        batch_rewind(b->next);
        return true;
    case TURN_LOST: return handle_lost(b, err);
    case TURN_FAILED: return handle_failure(b, err);
    case TURN_DONE: break;
    }
    if (b->now->present)
        take_in(b, &result);
    if (last) {
        *err = b->now->why;
        return false;
    }
    if (result.status == CHECKPOINT_PAUSED || result.status == CHECKPOINT_CANCELLED)
        return backfill_say_stopped(b, result.status, err);
    move_on(b, &result);
    return !wrote || backfill_rest(b, result.us, err);
}

bool
backfill_walk(struct backfill *b, struct error *err)
{
    bool end = false;

    for (;;) {
        if (!b->now->present && !b->next->present && !backfill_begin_range(b, &end, err))
            return false;
        if (end)
            return true;
        if (!run_turn(b, err))
            return false;
    }
}

/* A failed key that is to be tried again is a range of its own. */
bool
backfill_retry(struct backfill *b, const char *key, struct error *err)
{
    struct batch *slot = b->spec->kind == BACKFILL_MAP ? b->next : b->now;

    backfill_clear(b);
    slot->range = (struct range){ .from = WALK_AT,
                                  .lo = arena_strdup(&slot->arena, key),
                                  .hi = arena_strdup(&slot->arena, key),
                                  .keys = 1 };
    slot->present = slot->retry = true;
    while (b->now->present || b->next->present) {
        if (!run_turn(b, err))
            return false;
    }
    return true;
}
