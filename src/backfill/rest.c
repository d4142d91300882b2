#include "backfill/state.h"

/* Once a second of a sleep: what a person has said meanwhile is heeded. */
static bool
heed(struct backfill *b, struct error *err)
{
    struct checkpoint row = { 0 };
    struct arena arena = { 0 };
    bool found = false;
    bool ok = backfill_begin(b, true, err) &&
              claim_read(&b->claim, &arena, &found, &row, err) &&
              backfill_commit(b, true, err);

    arena_release(&arena);
    if (!ok)
        return false;
    if (found && (row.status == CHECKPOINT_PAUSED || row.status == CHECKPOINT_CANCELLED))
        return backfill_say_stopped(b, row.status, err);
    return true;
}

/* A sleep counts against no limit. */
static bool
asleep(void *ctx, const char *whom, const char *reason, struct error *err)
{
    struct backfill *b = ctx;

    backfill_hold_clocks(b, b->env->lock_retry);
    b->env->asleep(b->env->ctx, whom,
                   arena_printf(&b->rest, "backfill '%s' sleeps: %s", b->spec->name,
                                reason));
    arena_release(&b->rest);
    return whom == NULL || heed(b, err);
}

bool
backfill_begin_rests(struct backfill *b, struct error *err)
{
    bool none;

    b->throttle = (struct throttle){ .server = b->env->work->server,
                                     .limit = b->spec->replica_lag,
                                     .asleep = asleep,
                                     .ctx = b };
    if (!throttle_begin(&b->throttle, &none, err))
        return false;
    if (none)
        b->env->warn(b->env->ctx,
                     arena_printf(&b->arena,
                                  "backfill '%s': there is no standby for replica_lag "
                                  "to look at",
                                  b->spec->name));
    return true;
}

bool
backfill_rest(struct backfill *b, int64_t us, struct error *err)
{
    return throttle_wait(&b->throttle, us / 1000, err);
}
