#include "engine/run.h"

#include <stdio.h>

#include "engine/aside.h"
#include "engine/batch.h"
#include "engine/doubt.h"
#include "engine/hooks.h"
#include "engine/migrator.h"
#include "engine/preflight.h"
#include "engine/step.h"
#include "engine/survey.h"

struct run {
    struct migrator m;
    const struct plan_request *request;
    struct survey survey;
    struct run_summary *summary;
    struct error *err;
};

static bool
tell_and_check(struct run *run)
{
    survey_tell(&run->m, &run->survey);
    return survey_check(&run->survey, run->err);
}

/* Misnamed files and doubled versions fail here, before any connection. */
static bool
read_files(struct run *run)
{
    struct survey *survey = &run->survey;

    if (!survey_up_files(&run->m, survey, run->err))
        return false;
    survey->problems = survey->file_problems;
    return problems_count(&survey->problems, PROBLEM_ERROR) == 0 || tell_and_check(run);
}

static bool
connect_work(struct run *run)
{
    bool ok = migrator_connect(&run->m, run->err);

    run->summary->target = run->m.label;
    return ok;
}

static void
tell_empty(struct run *run)
{
    const struct source *source = &run->survey.source;
    char text[600];

    if (source->count > 0 || source->repeatable_count > 0 || run->survey.set.count > 0)
        return;
    snprintf(text, sizeof(text), "no migrations in '%s'", source->dir);
    migrator_notify(&run->m, (struct event){ .kind = EVENT_NOTICE,
                                             .level = PROBLEM_NOTE,
                                             .text = text });
}

/* Names and record alone: is there anything to do? */
static bool
quick_look(struct run *run, bool *nothing)
{
    struct survey *survey = &run->survey;

    *nothing = false;
    survey->quick = true;
    if (!survey_record(&run->m, survey, run->err) ||
        !survey_plan(&run->m, survey, run->request, run->err))
        return false;
    run->summary->pending = survey->plan.pending;
    run->summary->background = survey->plan.background;
    *nothing = survey->plan.step_count == 0 && survey->takeover.action != TAKEOVER_RECORD;
    if (*nothing)
        tell_empty(run);
    if (*nothing || problems_count(&survey->problems, PROBLEM_ERROR) > 0)
        return tell_and_check(run);
    return true;
}

/* What another tool has applied is recorded before anything else, under the lock. */
static bool
take_over(struct run *run)
{
    struct survey *survey = &run->survey;
    struct takeover_input in = survey_takeover(&run->m, survey);
    char text[256];

    if (survey->takeover.action != TAKEOVER_RECORD)
        return true;
    if (!takeover_record(&run->m.server.work, &in, &survey->takeover, run->m.arena,
                         run->err))
        return false;
    snprintf(text, sizeof(text), "took over %zu applied from %s", survey->takeover.count,
             survey->takeover.text);
    migrator_notify(&run->m, (struct event){ .kind = EVENT_NOTICE,
                                             .level = PROBLEM_NOTE,
                                             .text = text });
    return true;
}

/* A row of its own would keep the other tool's from being taken over. */
static bool
refuse_take_over(struct run *run)
{
    const struct takeover *takeover = &run->survey.takeover;

    if (!run->request->background || takeover->action != TAKEOVER_RECORD)
        return true;
    error_set(run->err, ERROR_PLAN, "%s is to be taken over before anything else",
              takeover->text);
    return error_hint(run->err, "Run `luamig up` first.");
}

/*
 * The truth, read under the lock; then the contents, and the plan with all its problems. In
 * the background there is no lock yet: each step has its own, and looks again.
 */
static bool
plan_in_full(struct run *run)
{
    struct migrator *m = &run->m;
    struct survey *survey = &run->survey;

    survey->quick = false;
    if (!survey_record(m, survey, run->err) || !refuse_take_over(run) ||
        !applied_create(&m->server.work, &m->settings->table, &m->table, m->arena,
                        run->err) ||
        !take_over(run) || !survey_plan(m, survey, run->request, run->err))
        return false;
    survey_contents(m, survey);
    if (!survey_plan(m, survey, run->request, run->err))
        return false;
    run->summary->pending = survey->plan.pending;
    run->summary->background = survey->plan.background;
    return tell_and_check(run) &&
           (survey->plan.step_count == 0 || survey_tell_environments(m, run->err)) &&
           preflight(m, survey->contents, survey->plan.step_count, run->err) &&
           (survey->downs == NULL ||
            preflight(m, survey->downs, survey->plan.step_count, run->err));
}

static bool
apply_all(struct run *run)
{
    if (run->request->background)
        return aside_apply(&run->m, &run->survey, run->summary, run->err);
    return batch_apply(&run->m, &run->survey, run->summary, run->err);
}

/* The run's clock starts when the lock is held; the background has none. */
static bool
apply_plan(struct run *run)
{
    struct migrator *m = &run->m;
    const struct survey *survey = &run->survey;

    if (!run->request->background)
        stop_limit(m->stop, LIMIT_RUN, m->settings->timeout);
    if (!hooks_before_run(m, survey->contents, survey->plan.step_count, run->err))
        return false;
    run->summary->outcome = OUTCOME_DONE;
    if (!apply_all(run))
        return false;
    hooks_after_run(m);
    return stop_cause(m->stop) != STOP_SIGNAL ||
           step_may_go_on(m, run->summary, run->err);
}

static bool
look(struct run *run, bool *nothing)
{
    bool ok = quick_look(run, nothing);

    while (!ok && doubt_reconnect(&run->m, run->err))
        ok = quick_look(run, nothing);
    return ok;
}

/* Nothing was tried yet: what a lost connection took with it is done again. */
static bool
lock_and_plan(struct run *run)
{
    struct migrator *m = &run->m;
    bool ok;

    do
        ok = (m->locked || run->request->background || migrator_lock(m, run->err)) &&
             plan_in_full(run);
    while (!ok && doubt_reconnect(m, run->err));
    return ok;
}

/* Told to the observer before the lock is waited for; a broken hooks file is not waited for. */
static bool
prepare(struct run *run)
{
    struct migrator *m = &run->m;
    enum hooks_part part = run->request->background ? HOOKS_BACKGROUND
                           : run->request->redo     ? HOOKS_SECOND
                                                    : HOOKS_UP;

    migrator_notify(m, (struct event){ .kind = EVENT_RUN_STARTED,
                                       .steps = run->survey.plan.step_count });
    return hooks_open(m, part, run->err) && lock_and_plan(run);
}

/* false with outcome REFUSED as long as nothing was tried. */
static bool
run_steps(struct run *run)
{
    struct survey *survey = &run->survey;
    bool nothing;

    run->summary->outcome = OUTCOME_REFUSED;
    if (!read_files(run) || !connect_work(run) || !look(run, &nothing) ||
        (!nothing && !prepare(run)))
        return false;
    run->summary->nothing_to_do = survey->plan.step_count == 0;
    if (!run->summary->nothing_to_do)
        return apply_plan(run);
    run->summary->outcome = OUTCOME_DONE;
    return true;
}

bool
run_up(const struct settings *settings, const struct plan_request *request,
       const struct observer *observer, struct stop *stop, struct arena *arena,
       struct run_summary *summary, struct error *err)
{
    struct run run = { .request = request, .summary = summary, .err = err };
    int64_t began = stop_now();
    bool done;

    *summary = (struct run_summary){ .target = "", .in_background = request->background };
    migrator_init(&run.m,
                  request->background ? "up --background"
                  : request->redo     ? "redo"
                                      : "up",
                  settings, observer, stop, arena);
    done = run_steps(&run);
    if (!done)
        hooks_on_failure(&run.m, err);
    step_finish(&run.m, summary, began, done ? NULL : err);
    return done;
}
