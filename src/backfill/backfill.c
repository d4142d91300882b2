#include "backfill/backfill.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "backfill/state.h"
#include "pg/exec.h"
#include "pg/wait.h"

#define SHOWN   "5"        /* keys that verify shows */
#define COUNTED "10000000" /* rows that are counted where there are no statistics */

/* Whether the session's role is not the one that luamig connected with. */
static bool
look_at_role(struct backfill *b, struct error *err)
{
    const char *user = b->env->work->server->user, *other;

    if (!exec_text(b->env->work,
                   "SELECT 'other' WHERE pg_catalog.current_setting('role') <> 'none'"
                   " OR pg_catalog.current_setting('session_authorization') <> $1",
                   PG_PARAMS(user), &b->arena, &other, err))
        return false;
    b->roles = other != NULL;
    return true;
}

/* The row is ours from here on; a former owner's last batch is waited for. */
bool
backfill_claim(struct backfill *b, struct error *err)
{
    bool found;

    b->claim =
        (struct claim){ .session = b->env->work,
                        .table = b->env->table,
                        .key = { b->env->version, b->env->direction, b->spec->name },
                        .checksum = b->env->checksum,
                        .run = b->env->run };
    claim_init(&b->claim, &b->arena);
    if (!checkpoint_create(b->env->work, b->env->table, b->env->state, &b->arena, err) ||
        !backfill_begin(b, true, err) ||
        !exec_command(b->env->work, "SET LOCAL lock_timeout = 0", NULL, err) ||
        !claim_take(&b->claim, b->target.shown, err) ||
        !claim_read(&b->claim, &b->arena, &found, &b->start, err) ||
        !claim_read_bounds(&b->claim, &b->arena, &b->bounds, err) ||
        !backfill_commit(b, true, err))
        return false;
    free(b->cursor);
    b->cursor = b->start.cursor != NULL ? xstrdup(b->start.cursor) : NULL;
    b->rows = b->start.rows;
    b->errors = b->start.errors;
    b->total = b->start.estimate;
    b->counts = (struct claim_counts){ b->start.written, b->start.conflicts,
                                       b->start.suppressed };
    return true;
}

/* Statistics are missing where nobody has analysed the table. */
static bool
estimate(struct backfill *b, struct error *err)
{
    const char *count;

    b->total = b->target.estimate;
    if (b->total > 0)
        return true;
    if (!backfill_ask(b,
                      arena_printf(&b->arena,
                                   "SELECT count(*) FROM (SELECT 1 FROM %s LIMIT " COUNTED
                                   ") r",
                                   b->target.from),
                      NULL, &b->arena, &count, err))
        return false;
    b->total = count != NULL ? strtoll(count, NULL, 10) : 0;
    return true;
}

/* Bytes of a row's key and read columns, by the first few. */
static bool
sample(struct backfill *b, double *bytes, struct error *err)
{
    struct strbuf sum = { 0 };
    const char *text = NULL;
    bool ok;

    *bytes = 0;
    if (b->spec->kind == BACKFILL_SQL)
        return true;
    strbuf_puts(&sum, "SELECT (avg(0");
    for (size_t i = 0; i < b->target.read_count; i++)
        strbuf_printf(&sum, " + COALESCE(pg_catalog.pg_column_size(r.%s), 0)",
                      b->target.reads[i].ident);
    strbuf_printf(&sum, "))::pg_catalog.int8 FROM (SELECT * FROM %s LIMIT 20) r",
                  b->target.from);
    ok = backfill_ask(b, sum.text, NULL, &b->arena, &text, err);
    strbuf_release(&sum);
    *bytes = strtod(text != NULL ? text : "0", NULL) + 16.0 * (double)b->target.key_count;
    return ok;
}

/* A mistake in verify is not to be found behind hours of work. */
static bool
parse_verify(struct backfill *b, struct error *err)
{
    const char *nothing;

    return b->spec->verify == NULL ||
           backfill_ask(b,
                        arena_printf(&b->arena, "SELECT 1 FROM %s WHERE (%s\n) LIMIT 0",
                                     b->target.from, b->spec->verify),
                        NULL, &b->arena, &nothing, err);
}

static bool
retry_all(struct backfill *b, struct error *err)
{
    for (;;) {
        struct arena arena = { 0 };
        const char *key = NULL;
        bool ok = backfill_begin(b, true, err) &&
                  claim_next_retry(&b->claim, &arena, &key, err) &&
                  backfill_commit(b, true, err);

        ok = ok && (key == NULL || backfill_retry(b, key, err));
        arena_release(&arena);
        if (!ok || key == NULL)
            return ok;
    }
}

/* "[1], [2]": keys that verify's condition finds; NULL: none. */
static bool
find_unverified(struct backfill *b, const char **keys, struct error *err)
{
    struct stop *stop = b->env->work->server->stop;
    const char *list = walk_keys(&b->target, "", &b->arena);
    bool ok;

    stop_pause(stop, LIMIT_MIGRATION);
    stop_pause(stop, LIMIT_RUN);
    ok = backfill_ask(b,
                      arena_printf(&b->arena,
                                   "SELECT pg_catalog.string_agg(k, ', ') FROM (SELECT"
                                   " pg_catalog.concat_ws(' / ', %s) FROM %s WHERE (%s\n)"
                                   " ORDER BY %s LIMIT " SHOWN ") r (k)",
                                   list, b->target.from, b->spec->verify, list),
                      NULL, &b->arena, keys, err);
    stop_resume(stop, LIMIT_MIGRATION);
    stop_resume(stop, LIMIT_RUN);
    return ok;
}

static bool
write_end(struct backfill *b, enum checkpoint_status status, const char *message,
          struct error *err)
{
    return backfill_begin(b, true, err) &&
           claim_finish(&b->claim, status, message, err) && backfill_commit(b, true, err);
}

static bool
verify(struct backfill *b, struct error *err)
{
    const char *keys = NULL;
    struct error why = { 0 };

    if (b->spec->verify == NULL)
        return true;
    if (!find_unverified(b, &keys, err))
        return false;
    if (keys == NULL)
        return true;
    error_set(&why, ERROR_SCRIPT, "backfill '%s' is unverified: rows of '%s' match %s",
              b->spec->name, b->target.shown, b->spec->verify);
    error_detail(&why, "The first keys: %s.", keys);
    error_hint(&why,
               b->spec->again
                   ? "The next `luamig up` walks the table again."
                   : "Rows that came meanwhile are the application's to write "
                     "right. The next `luamig up` verifies again; again = true "
                     "lets it walk again, `luamig backfill restart %s` does it "
                     "once.",
               b->spec->name);
    b->settled = write_end(b, CHECKPOINT_UNVERIFIED, why.message, err);
    if (b->settled)
        *err = why;
    return false;
}

bool
backfill_say_stopped(struct backfill *b, enum checkpoint_status status, struct error *err)
{
    b->env->paused = status == CHECKPOINT_PAUSED;
    error_set(err, ERROR_SCRIPT, "backfill '%s' is %s", b->spec->name,
              checkpoint_word(status));
    return error_hint(err, "`luamig backfill resume %s` lets the next `up` go on%s.",
                      b->spec->name,
                      status == CHECKPOINT_CANCELLED
                          ? ", `luamig backfill restart` from the start"
                          : "");
}

/* The clocks of the run stand still as long as there is progress. */
void
backfill_hold_clocks(struct backfill *b, int64_t ms)
{
    struct stop *stop = b->env->work->server->stop;

    if (b->env->timed)
        return;
    stop_hold(stop, LIMIT_MIGRATION, ms);
    stop_hold(stop, LIMIT_RUN, ms);
}

/* A walk from the start: the row stays, its cursor goes. */
static bool
begin_again(struct backfill *b, struct error *err)
{
    bool changed;

    return backfill_begin(b, true, err) &&
           checkpoint_restart(b->env->work, b->env->table, &b->claim.key, &changed,
                              err) &&
           backfill_commit(b, true, err) && backfill_claim(b, err);
}

static bool
run_all(struct backfill *b, struct error *err)
{
    bool walked =
        b->start.status == CHECKPOINT_UNVERIFIED || b->start.status == CHECKPOINT_DONE;

    if (b->start.status == CHECKPOINT_PAUSED || b->start.status == CHECKPOINT_CANCELLED)
        return backfill_say_stopped(b, b->start.status, err);
    if (b->start.status == CHECKPOINT_DONE && b->start.retries == 0)
        return true;
    if (b->start.status == CHECKPOINT_UNVERIFIED && b->spec->again) {
        if (!begin_again(b, err))
            return false;
        walked = false;
    }
    backfill_hold_clocks(b, b->env->lock_retry);
    if (!retry_all(b, err) || (!walked && !backfill_walk(b, err)) || !verify(b, err) ||
        !write_end(b, CHECKPOINT_DONE, NULL, err))
        return false;
    backfill_tell(b, 0, 0, true);
    return true;
}

/* What stopped it stays with it, for those who ask. */
static void
write_failure(struct backfill *b, const struct error *why)
{
    struct server *server = b->env->work->server;
    struct stop *outer = server->stop, grace = { 0 };
    struct error ignored = { 0 };

    if (b->env->work->lost || b->env->taken_over || b->claim.run == NULL ||
        server->lock_lost != NULL)
        return;
    stop_limit(&grace, LIMIT_GRACE, 2000);
    server->stop = &grace;
    if (exec_rollback(b->env->work, &ignored) &&
        (b->env->paused || why->kind == ERROR_SIGNAL || why->kind == ERROR_CONNECT ||
         b->settled || !write_end(b, CHECKPOINT_FAILED, why->message, &ignored)))
        exec_rollback(b->env->work, &ignored);
    server->stop = outer;
}

static bool
prepare(struct backfill *b, struct error *err)
{
    double bytes = 0;

    if (!look_at_role(b, err) ||
        !target_find(b->env->work, &b->spec->target, &b->arena, &b->target, err))
        return false;
    changes_init(&b->now->changes, &b->target, &b->arena);
    changes_init(&b->next->changes, &b->target, &b->arena);
    if (!b->calls->found(b->calls->ctx, &b->target, err) || !parse_verify(b, err) ||
        !backfill_claim(b, err) || (b->total == 0 && !estimate(b, err)) ||
        !sample(b, &bytes, err))
        return false;
    pace_init(&b->pace, b->spec->size, b->spec->pace, bytes);
    return backfill_begin_rests(b, err);
}

bool
backfill_run(struct backfill_env *env, const struct backfill_spec *spec,
             const struct backfill_calls *calls, struct error *err)
{
    struct backfill b = { .env = env, .spec = spec, .calls = calls };
    bool ok;

    b.now = &b.slots[0];
    b.next = &b.slots[1];
    env->paused = env->taken_over = false;
    ok = prepare(&b, err) && run_all(&b, err);
    if (!ok)
        write_failure(&b, err);
    backfill_hold_clocks(&b, 0);
    for (int i = 0; i < 2; i++) {
        batch_clear(&b.slots[i]);
        changes_release(&b.slots[i].changes);
        rows_release(&b.slots[i].rows);
    }
    free(b.cursor);
    throttle_end(&b.throttle);
    arena_release(&b.arena);
    return ok;
}
