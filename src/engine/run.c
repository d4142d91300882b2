#include "engine/run.h"

#include <stdio.h>
#include <string.h>

#include "engine/apply.h"
#include "engine/migrator.h"
#include "engine/preflight.h"
#include "engine/survey.h"
#include "pg/wait.h"

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

    if (!survey_files(&run->m, survey, run->err))
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
    char text[600];

    if (run->survey.source.count > 0 || run->survey.set.count > 0)
        return;
    snprintf(text, sizeof(text), "no migrations in '%s'", run->survey.source.dir);
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
    *nothing = survey->plan.step_count == 0;
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
    snprintf(text, sizeof(text), "took over %zu applied from %s at version %lld",
             survey->set.count, survey->takeover.tracker,
             (long long)survey->takeover.version);
    migrator_notify(&run->m, (struct event){ .kind = EVENT_NOTICE,
                                             .level = PROBLEM_NOTE,
                                             .text = text });
    return true;
}

/* The truth, read under the lock; then the contents, and the plan with all its problems. */
static bool
plan_under_lock(struct run *run)
{
    struct migrator *m = &run->m;
    struct survey *survey = &run->survey;

    survey->quick = false;
    if (!survey_record(m, survey, run->err) ||
        !applied_create(&m->server.work, &m->settings->table, &m->table, m->arena,
                        run->err) ||
        !take_over(run) || !survey_plan(m, survey, run->request, run->err))
        return false;
    survey_contents(m, survey);
    if (!survey_plan(m, survey, run->request, run->err))
        return false;
    run->summary->pending = survey->plan.pending;
    return tell_and_check(run) &&
           preflight(m, survey->contents, survey->plan.step_count, run->err);
}

/* Sets the limits of one attempt; a file with a timeout= of its own stops the run's. */
static void
start_clock(struct run *run, const struct directives *directives)
{
    struct stop *stop = run->m.stop;

    if (directives->has_timeout)
        stop_pause(stop, LIMIT_RUN);
    stop_limit(stop, LIMIT_MIGRATION,
               directives->has_timeout ? directives->timeout
                                       : run->m.settings->migration_timeout);
}

static void
stop_clock(struct run *run)
{
    stop_limit(run->m.stop, LIMIT_MIGRATION, 0);
    stop_resume(run->m.stop, LIMIT_RUN);
}

static const char *
remark(const struct content *content, enum apply_result result)
{
    if (result == APPLY_BY_ANOTHER)
        return "applied by another run";
    return content_is_empty(content) ? "empty" : NULL;
}

static enum apply_result
apply(struct run *run, const struct content *content)
{
    if (content->sql.mode == SQL_MODE_STATEMENTS)
        return apply_steps(&run->m, content, run->err);
    return apply_tx(&run->m, content, run->err);
}

static void
tell_step(struct run *run, size_t i, enum apply_result result)
{
    const struct content *content = &run->survey.contents[i];
    struct event event = { .kind = EVENT_MIGRATION_APPLIED,
                           .mode = content_mode(content),
                           .step = i + 1,
                           .steps = run->survey.plan.step_count,
                           .elapsed = stop_now() - run->m.activity.since,
                           .text = remark(content, result) };

    migrator_flush_notices(&run->m, content->migration);
    if (result == APPLY_FAILED || result == APPLY_IN_DOUBT) {
        event.kind = EVENT_MIGRATION_FAILED;
        event.error = run->err;
        event.text = NULL;
    }
    migrator_notify(&run->m, event);
}

static enum outcome
outcome_of(enum apply_result result, const struct error *err)
{
    if (result == APPLY_IN_DOUBT)
        return OUTCOME_NOT_RESTORED;
    if (err->kind == ERROR_SIGNAL)
        return OUTCOME_SIGNAL;
    return err->kind == ERROR_TIMEOUT ? OUTCOME_TIMEOUT : OUTCOME_FAILED;
}

static bool
apply_step(struct run *run, size_t i)
{
    const struct content *content = &run->survey.contents[i];
    enum apply_result result;

    run->m.activity = (struct activity){ .content = content, .since = stop_now() };
    migrator_notify(&run->m, (struct event){ .kind = EVENT_MIGRATION_STARTED,
                                             .mode = content_mode(content),
                                             .step = i + 1,
                                             .steps = run->survey.plan.step_count,
                                             .text = content->sql.notice });
    start_clock(run, &content->directives);
    result = apply(run, content);
    stop_clock(run);
    tell_step(run, i, result);
    run->m.activity.content = NULL;
    if (result == APPLY_FAILED || result == APPLY_IN_DOUBT) {
        run->summary->outcome = outcome_of(result, run->err);
        return false;
    }
    run->summary->applied += result == APPLY_DONE;
    run->summary->pending--;
    return true;
}

static bool
may_go_on(struct run *run)
{
    enum stop_cause cause = stop_cause(run->m.stop);

    if (cause == STOP_NONE)
        return true;
    wait_cause_error(run->m.stop, cause, run->err);
    run->summary->outcome = cause == STOP_SIGNAL ? OUTCOME_SIGNAL : OUTCOME_TIMEOUT;
    return false;
}

static bool
apply_all(struct run *run)
{
    const struct plan *plan = &run->survey.plan;

    stop_limit(run->m.stop, LIMIT_RUN, run->m.settings->timeout);
    for (size_t i = 0; i < plan->step_count; i++) {
        if (!may_go_on(run) || !apply_step(run, i))
            return false;
    }
    return stop_cause(run->m.stop) != STOP_SIGNAL || may_go_on(run);
}

/* false with outcome REFUSED as long as nothing was tried. */
static bool
run_steps(struct run *run)
{
    bool nothing;

    run->summary->outcome = OUTCOME_REFUSED;
    if (!read_files(run) || !connect_work(run) || !quick_look(run, &nothing))
        return false;
    if (!nothing) {
        migrator_notify(&run->m, (struct event){ .kind = EVENT_RUN_STARTED,
                                                 .steps = run->survey.plan.step_count });
        if (!migrator_lock(&run->m, run->err) || !plan_under_lock(run))
            return false;
    }
    run->summary->outcome = OUTCOME_DONE;
    run->summary->nothing_to_do = run->survey.plan.step_count == 0;
    return run->summary->nothing_to_do || apply_all(run);
}

/* A signal or limit before the first step ends the run as one in the middle does. */
static void
settle_outcome(struct run *run, bool done)
{
    if (done || run->summary->outcome != OUTCOME_REFUSED)
        return;
    if (run->err->kind == ERROR_SIGNAL)
        run->summary->outcome = OUTCOME_SIGNAL;
    else if (run->err->kind == ERROR_TIMEOUT)
        run->summary->outcome = OUTCOME_TIMEOUT;
}

bool
run_up(const struct settings *settings, const struct plan_request *request,
       const struct observer *observer, struct stop *stop, struct arena *arena,
       struct run_summary *summary, struct error *err)
{
    struct run run = { .request = request, .summary = summary, .err = err };
    int64_t began = stop_now();
    struct stop grace;
    bool done;

    *summary = (struct run_summary){ .target = "" };
    migrator_init(&run.m, "up", settings, observer, stop, arena);
    done = run_steps(&run);
    settle_outcome(&run, done);
    migrator_grace(&run.m, &grace, 2000);
    migrator_flush_notices(&run.m, NULL);
    migrator_unlock(&run.m);
    summary->elapsed = stop_now() - began;
    summary->signal = summary->outcome == OUTCOME_SIGNAL ? stop_signal() : 0;
    migrator_notify(&run.m, (struct event){ .kind = EVENT_RUN_FINISHED,
                                            .summary = summary,
                                            .error = done ? NULL : err });
    migrator_release(&run.m);
    return done;
}
