#include "engine/step.h"

#include "engine/apply.h"
#include "engine/hooks.h"
#include "engine/own_lock.h"
#include "engine/ramp.h"
#include "pg/wait.h"

#define UNDO_LIMIT 30000 /* ms for each down that undoes a failed run (DESIGN 8) */

/* Sets the limits of one attempt; a file with a timeout= of its own stops the run's. */
static void
start_clock(struct migrator *m, const struct directives *directives)
{
    int64_t limit =
        directives->has_timeout ? directives->timeout : m->settings->migration_timeout;

    if (m->undoing)
        limit = UNDO_LIMIT;
    else if (m->background && !directives->has_timeout)
        limit = 0;
    else if (directives->has_timeout)
        stop_pause(m->stop, LIMIT_RUN);
    stop_limit(m->stop, LIMIT_MIGRATION, limit);
}

static void
stop_clock(struct migrator *m)
{
    stop_limit(m->stop, LIMIT_MIGRATION, 0);
    stop_resume(m->stop, LIMIT_RUN);
}

static const char *
remark(const struct content *content, enum apply_result result)
{
    if (result == APPLY_BY_ANOTHER)
        return content->down ? "undone by another run" : "applied by another run";
    return content_is_empty(content) ? "empty" : NULL;
}

static enum apply_result
apply(struct migrator *m, const struct content *content, struct error *err)
{
    if (!own_lock_beside(m, content->migration, err))
        return APPLY_FAILED;
    if (!content_keeps(content))
        return apply_tx(m, content, err);
    return content->kind == FILE_LUA ? apply_script(m, content, err)
                                     : apply_steps(m, content, err);
}

static void
tell(struct migrator *m, struct event event, enum apply_result result,
     const struct error *err)
{
    const struct content *content = m->activity.content;

    event.kind = content->down ? EVENT_MIGRATION_UNDONE : EVENT_MIGRATION_APPLIED;
    event.elapsed = stop_now() - m->activity.since;
    event.text = remark(content, result);
    migrator_flush_notices(m, content->migration);
    if (result == APPLY_FAILED || result == APPLY_IN_DOUBT) {
        event.kind = EVENT_MIGRATION_FAILED;
        event.error = err;
        event.text = m->activity.paused ? "paused" : NULL;
    }
    migrator_notify(m, event);
}

static enum outcome
outcome_of(const struct migrator *m, enum apply_result result, const struct error *err)
{
    if (result == APPLY_IN_DOUBT)
        return OUTCOME_NOT_RESTORED;
    if (err->kind == ERROR_SIGNAL)
        return OUTCOME_SIGNAL;
    if (m->activity.paused)
        return OUTCOME_PAUSED;
    if (err->kind == ERROR_LOCK &&
        (m->settings->lock == LOCK_LEASE || m->second.refused || m->activity.taken_over))
        return OUTCOME_LOCK_LOST;
    return err->kind == ERROR_TIMEOUT ? OUTCOME_TIMEOUT : OUTCOME_FAILED;
}

/* A down of a failed `up` makes pending again what that run applied. */
static void
count(const struct content *content, bool done, struct run_summary *summary)
{
    bool back = content->down && summary->kind == RUN_UP;
    size_t *left =
        content->migration->background ? &summary->background : &summary->pending;

    summary->version = content->migration->version;
    if (content->down)
        summary->undone += done;
    else
        summary->applied += done;
    if (!back) {
        --*left;
    } else if (!content->partial) {
        summary->applied -= done;
        *left += done;
    }
}

bool
step_run(struct migrator *m, const struct content *content, struct step_place place,
         struct run_summary *summary, struct error *err)
{
    struct event event = { .kind = EVENT_MIGRATION_STARTED,
                           .mode = content_mode(content),
                           .keeps = content_keeps(content),
                           .step = place.step,
                           .steps = place.steps,
                           .text = content->sql.notice };
    enum apply_result result;

    m->activity = (struct activity){ .content = content, .since = stop_now() };
    m->losses = 0;
    migrator_notify(m, event);
    ramp_begin(m, content);
    start_clock(m, &content->directives);
    result = apply(m, content, err);
    own_lock_end_second(m, result == APPLY_FAILED ? "failed" : "done");
    stop_clock(m);
    tell(m, event, result, err);
    m->activity.content = NULL;
    if (result == APPLY_FAILED || result == APPLY_IN_DOUBT) {
        summary->outcome = outcome_of(m, result, err);
        hooks_note_failure(m, content);
        return false;
    }
    count(content, result == APPLY_DONE, summary);
    return true;
}

bool
step_may_go_on(struct migrator *m, struct run_summary *summary, struct error *err)
{
    enum stop_cause cause = stop_cause(m->stop);

    if (cause == STOP_NONE && lease_lost(&m->server) != NULL) {
        summary->outcome = OUTCOME_LOCK_LOST;
        return error_set(err, ERROR_LOCK, "%s", m->server.lock_lost);
    }
    if (cause == STOP_NONE)
        return true;
    wait_cause_error(m->stop, cause, err);
    summary->outcome = cause == STOP_SIGNAL ? OUTCOME_SIGNAL : OUTCOME_TIMEOUT;
    return false;
}

/* A signal or limit before the first step ends the run as one in the middle does. */
static void
settle_outcome(struct run_summary *summary, const struct error *err)
{
    if (err == NULL || summary->outcome != OUTCOME_REFUSED)
        return;
    if (err->kind == ERROR_SIGNAL)
        summary->outcome = OUTCOME_SIGNAL;
    else if (err->kind == ERROR_TIMEOUT)
        summary->outcome = OUTCOME_TIMEOUT;
}

void
step_finish(struct migrator *m, struct run_summary *summary, int64_t began,
            const struct error *err)
{
    struct stop grace;

    settle_outcome(summary, err);
    migrator_grace(m, &grace, 2000);
    migrator_flush_notices(m, NULL);
    migrator_unlock(m, outcome_word(summary->outcome));
    summary->elapsed = stop_now() - began;
    summary->signal = summary->outcome == OUTCOME_SIGNAL ? stop_signal() : 0;
    migrator_notify(m, (struct event){ .kind = EVENT_RUN_FINISHED,
                                       .summary = summary,
                                       .error = err });
    hooks_close(m);
    migrator_release(m);
}
