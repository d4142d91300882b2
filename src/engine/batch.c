#include "engine/batch.h"

#include <string.h>

#include "engine/aftermath.h"
#include "engine/doubt.h"
#include "engine/hooks.h"
#include "engine/ramp.h"
#include "engine/rival.h"
#include "engine/step.h"
#include "engine/together.h"
#include "engine/undo.h"
#include "pg/indexes.h"

struct batch {
    struct migrator *m;
    const struct survey *survey;
    size_t count;
    bool *mine; /* per step: this run applied it */
    size_t at;
    bool begun;   /* the step at `at` was tried */
    size_t first; /* of those that run together */
    bool again;   /* what failed together is worth another attempt */
    struct run_summary *summary;
    struct error *err;
};

static bool
apply_one(struct batch *b)
{
    struct step_place place = { .step = b->at + 1, .steps = b->count };
    size_t before = b->summary->applied;

    b->begun = false;
    if (!step_may_go_on(b->m, b->summary, b->err))
        return false;
    b->begun = true;
    if (!step_run(b->m, &b->survey->contents[b->at], place, b->summary, b->err))
        return false;
    b->mine[b->at] = b->summary->applied > before;
    return true;
}

static bool
apply_in_order(struct batch *b, size_t end)
{
    for (b->at = 0; b->at < end; b->at++) {
        if (!apply_one(b))
            return false;
    }
    return true;
}

static struct event
event_of(const struct batch *b, size_t step, enum event_kind kind)
{
    const struct content *content = &b->survey->contents[step];

    return (struct event){ .kind = kind,
                           .migration = content->migration,
                           .mode = content_mode(content),
                           .step = step + 1,
                           .steps = b->count };
}

static bool
run_together(struct batch *b, int64_t *elapsed)
{
    struct migrator *m = b->m;
    const struct content *content = &b->survey->contents[b->at];
    int64_t limit = content->directives.has_timeout ? content->directives.timeout
                                                    : m->settings->migration_timeout;
    bool ok;

    m->activity = (struct activity){ .content = content, .since = stop_now() };
    migrator_notify(m, event_of(b, b->at, EVENT_MIGRATION_STARTED));
    stop_limit(m->stop, LIMIT_MIGRATION, limit);
    ok = together_run(m, content, b->err);
    stop_limit(m->stop, LIMIT_MIGRATION, 0);
    migrator_flush_notices(m, content->migration);
    m->activity.content = NULL;
    *elapsed = stop_now() - m->activity.since;
    return ok;
}

/* 55006, pending trigger events; 55P04, a new enum value: they show only together. */
static void
explain_together(struct batch *b, const struct content *content)
{
    const char *state = b->err->sqlstate;

    aftermath_explain(b->m, content, b->err);
    if (strcmp(state, "55006") == 0 || strcmp(state, "55P04") == 0)
        error_hint(b->err, "It cannot run in one transaction with those before it: run "
                           "`luamig up` without --atomic.");
}

static void
tell_failed_together(struct batch *b, size_t at)
{
    struct migrator *m = b->m;
    const struct content *content = &b->survey->contents[at];
    struct event event = event_of(b, at, EVENT_MIGRATION_FAILED);
    struct stop grace;

    migrator_grace(m, &grace, AFTERMATH_GRACE);
    explain_together(b, content);
    aftermath_record(m, content, b->err->place.statement, b->err);
    migrator_heed(m);
    b->summary->outcome = b->err->kind == ERROR_SIGNAL ? OUTCOME_SIGNAL
                          : b->err->in_doubt           ? OUTCOME_FAILED
                          : b->err->kind == ERROR_LOCK ? OUTCOME_LOCK_LOST
                                                       : OUTCOME_RESTORED;
    if (!b->err->in_doubt)
        b->summary->fate = "restored: the run was one transaction, and was rolled back";
    event.error = b->err;
    migrator_notify(m, event);
    hooks_note_failure(m, content);
}

/* true: it had not failed, COMMIT came through before the connection was lost. */
static bool
fail_together(struct batch *b)
{
    struct migrator *m = b->m;
    size_t at = b->at < b->count ? b->at : b->count - 1;
    const struct content *content = &b->survey->contents[at];

    aftermath_reset(m);
    switch (doubt_settle(m, &b->survey->contents[b->first], b->err)) {
    case DOUBT_DONE: return true;
    case DOUBT_AGAIN: b->again = true; return false;
    case DOUBT_FAILED: break;
    }
    b->again = ramp_again(m, content, b->err);
    if (b->again)
        return false;
    tell_failed_together(b, at);
    return false;
}

/* They are applied with COMMIT, not before. */
static void
tell_together(struct batch *b, size_t first, const int64_t *elapsed)
{
    for (size_t i = first; i < b->count; i++) {
        struct event event = event_of(b, i, EVENT_MIGRATION_APPLIED);

        event.elapsed = elapsed[i];
        migrator_notify(b->m, event);
    }
    b->summary->applied += b->count - first;
    b->summary->pending -= b->count - first;
}

static bool
run_all_together(struct batch *b, int64_t *elapsed)
{
    size_t first = b->first;

    for (b->at = first; b->at < b->count; b->at++) {
        if (!step_may_go_on(b->m, b->summary, b->err) ||
            !run_together(b, &elapsed[b->at]))
            return false;
    }
    return together_commit(b->m, b->survey->contents + first, b->count - first, b->err);
}

/* Without the run lock for a moment: a rival may have had it. */
static bool
is_still_pending(struct batch *b)
{
    struct migrator *m = b->m;
    bool did = false;

    for (b->at = b->first; m->losses > 0 && b->at < b->count; b->at++) {
        const struct content *content = &b->survey->contents[b->at];

        if (!rival_did(m, content, &did, b->err))
            return false;
        if (!did)
            continue;
        error_set(b->err, ERROR_PLAN, "another run has applied %s meanwhile",
                  source_label(content->migration, m->arena));
        return error_hint(b->err, "Run `luamig up` again.");
    }
    return true;
}

static bool
try_together(struct batch *b, size_t first, int64_t *elapsed)
{
    b->again = false;
    b->at = first;
    if ((!is_still_pending(b) || !together_begin(b->m, NULL, b->err) ||
         !run_all_together(b, elapsed)) &&
        !fail_together(b))
        return false;
    tell_together(b, first, elapsed);
    return true;
}

/* All from the first on in one transaction, which gives way to table locks as a whole. */
static bool
apply_together(struct batch *b, size_t first)
{
    int64_t *elapsed = arena_alloc(b->m->arena, (b->count + 1) * sizeof(*elapsed));
    bool done = first == b->count;

    if (!done)
        ramp_begin(b->m, &b->survey->contents[first]);
    b->m->losses = 0;
    b->first = first;
    b->again = !done;
    while (!done && b->again)
        done = try_together(b, first, elapsed);
    return done;
}

static size_t
count_versioned(const struct batch *b)
{
    size_t count = b->count;

    while (count > 0 && b->survey->contents[count - 1].migration->repeatable)
        count--;
    return count;
}

/*
 * What the run applied is undone if it failed, not if it is in doubt what failed.
 * Repeatables have no down: they come last, in one transaction.
 */
static bool
apply_or_undo(struct batch *b)
{
    struct migrator *m = b->m;
    struct undo undo = { .m = m, .downs = b->survey->downs, .mine = b->mine };
    size_t versioned = count_versioned(b);

    if (!indexes_invalid(&m->server.work, NULL, NULL, m->arena, &undo.before, b->err))
        return false;
    if (apply_in_order(b, versioned) && apply_together(b, versioned))
        return true;
    undo.failed = b->at < versioned ? b->at : versioned;
    undo.half_done =
        b->at < versioned && b->begun && content_keeps(&b->survey->contents[b->at]);
    if (b->summary->outcome != OUTCOME_NOT_RESTORED &&
        b->summary->outcome != OUTCOME_PAUSED)
        undo_run(&undo, b->summary, b->err);
    return false;
}

static bool
apply(struct batch *b)
{
    switch (b->m->settings->on_failure) {
    case FAILURE_ROLLBACK: return apply_or_undo(b);
    case FAILURE_ATOMIC: return apply_together(b, 0);
    case FAILURE_STOP: break;
    }
    return apply_in_order(b, b->count);
}

bool
batch_apply(struct migrator *m, const struct survey *survey, struct run_summary *summary,
            struct error *err)
{
    size_t count = survey->plan.step_count;
    struct batch b = { .m = m,
                       .survey = survey,
                       .count = count,
                       .mine = arena_alloc(m->arena, count + 1),
                       .summary = summary,
                       .err = err };

    return apply(&b);
}
