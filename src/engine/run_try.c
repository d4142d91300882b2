#include "engine/run_try.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "engine/aftermath.h"
#include "engine/migrator.h"
#include "engine/preflight.h"
#include "engine/step.h"
#include "engine/survey.h"
#include "engine/together.h"
#include "pg/footprint.h"

struct run {
    struct migrator m;
    const struct plan_request *request;
    bool each;
    struct survey survey;
    struct footprint before; /* in the common transaction: up to the last one tried */
    struct run_summary *summary;
    struct error *err;
    bool apart; /* the common transaction has come to its end: they go with --each only */
};

static bool
look(struct run *run)
{
    struct migrator *m = &run->m;
    struct survey *survey = &run->survey;

    if (!survey_up_files(m, survey, run->err) || !migrator_connect(m, run->err))
        return false;
    run->summary->target = m->label;
    survey->problems = survey->file_problems;
    if (!survey_record(m, survey, run->err) ||
        !survey_plan(m, survey, run->request, run->err))
        return false;
    survey_contents(m, survey);
    if (!survey_plan(m, survey, run->request, run->err))
        return false;
    run->summary->pending = survey->plan.pending;
    survey_tell(m, survey);
    return survey_check(survey, run->err) &&
           preflight(m, survey->contents, survey->plan.step_count, run->err);
}

static bool
begin(struct run *run, const struct content *content)
{
    run->before = (struct footprint){ 0 };
    return together_begin(&run->m, run->each ? content->sql.modes : NULL, run->err) &&
           footprint_rows(&run->m.server.work, &run->before.rows, run->err);
}

static const struct footprint_table *
find(const struct footprint *footprint, const char *oid)
{
    for (size_t i = 0; i < footprint->count; i++) {
        if (strcmp(footprint->tables[i].oid, oid) == 0)
            return &footprint->tables[i];
    }
    return NULL;
}

static bool
is_rewritten(const struct footprint_table *now, const struct footprint_table *before)
{
    const char *was = before != NULL ? before->storage : now->was;

    return now->storage != NULL && was != NULL && strcmp(now->storage, was) != 0;
}

/* What this one added to what the transaction held before it. */
static void
compare(struct run *run, const struct footprint *now, struct trial *trial)
{
    trial->rows = now->rows > run->before.rows ? now->rows - run->before.rows : 0;
    trial->locks = arena_alloc(run->m.arena, (now->count + 1) * sizeof(*trial->locks));
    for (size_t i = 0; i < now->count; i++) {
        const struct footprint_table *table = &now->tables[i];
        const struct footprint_table *before = find(&run->before, table->oid);
        bool rewritten = is_rewritten(table, before);

        if (before != NULL && before->strength >= table->strength && !rewritten)
            continue;
        trial->locks[trial->lock_count++] = (struct trial_lock){ .relation = table->name,
                                                                 .mode = table->mode,
                                                                 .bytes = table->bytes,
                                                                 .rewritten = rewritten };
    }
}

static bool
tell(struct run *run, const struct content *content, int64_t elapsed)
{
    struct trial trial = { .executed = true };
    struct footprint now;

    if (!footprint_take(&run->m.server, run->m.arena, &now, run->err))
        return false;
    compare(run, &now, &trial);
    run->before = now;
    migrator_flush_notices(&run->m, content->migration);
    migrator_notify(&run->m, (struct event){ .kind = EVENT_MIGRATION_TRIED,
                                             .migration = content->migration,
                                             .mode = content_mode(content),
                                             .elapsed = elapsed,
                                             .trial = &trial });
    return true;
}

/* 55006, pending trigger events; 55P04, a new enum value: they show only together. */
static bool
goes_apart(const struct run *run)
{
    return !run->each && (strcmp(run->err->sqlstate, "55006") == 0 ||
                          strcmp(run->err->sqlstate, "55P04") == 0);
}

static void
tell_apart(struct run *run, const struct content *content)
{
    char text[1200];

    snprintf(text, sizeof(text),
             "cannot be tried together with those before it; use --each (%s)",
             run->err->message);
    run->apart = true;
    *run->err = (struct error){ 0 };
    migrator_notify(&run->m, (struct event){ .kind = EVENT_NOTICE,
                                             .migration = content->migration,
                                             .level = PROBLEM_WARNING,
                                             .text = text });
}

static void
fail(struct run *run, const struct content *content)
{
    aftermath_explain(&run->m, content, run->err);
    error_within(run->err, "a dry run");
    run->summary->outcome = run->err->kind == ERROR_SIGNAL    ? OUTCOME_SIGNAL
                            : run->err->kind == ERROR_TIMEOUT ? OUTCOME_TIMEOUT
                                                              : OUTCOME_FAILED;
    migrator_notify(&run->m,
                    (struct event){ .kind = EVENT_MIGRATION_FAILED,
                                    .migration = content->migration,
                                    .mode = content_mode(content),
                                    .elapsed = stop_now() - run->m.activity.since,
                                    .error = run->err });
}

static void
roll_back(struct run *run)
{
    struct stop grace;

    migrator_grace(&run->m, &grace, AFTERMATH_GRACE);
    aftermath_clean(&run->m);
    migrator_heed(&run->m);
}

static bool
try_one(struct run *run, const struct content *content)
{
    struct migrator *m = &run->m;
    int64_t limit = content->directives.has_timeout ? content->directives.timeout
                                                    : m->settings->migration_timeout;
    bool ok;

    m->activity = (struct activity){ .content = content, .since = stop_now() };
    stop_limit(m->stop, LIMIT_MIGRATION, limit);
    ok = together_run(m, content, run->err);
    stop_limit(m->stop, LIMIT_MIGRATION, 0);
    m->activity.content = NULL;
    return ok && tell(run, content, stop_now() - m->activity.since);
}

static void
tell_not_executed(struct run *run, const struct content *content)
{
    struct trial trial = { .executed = false };

    migrator_notify(&run->m, (struct event){ .kind = EVENT_MIGRATION_TRIED,
                                             .migration = content->migration,
                                             .mode = content_mode(content),
                                             .trial = &trial });
}

static bool
try_next(struct run *run, const struct content *content)
{
    bool open = PQtransactionStatus(run->m.server.work.conn) == PQTRANS_INTRANS;
    bool ok;

    if (content_keeps(content)) {
        tell_not_executed(run, content);
        return true;
    }
    if (!step_may_go_on(&run->m, run->summary, run->err))
        return false;
    ok = (open || begin(run, content)) && try_one(run, content);
    if (!ok && goes_apart(run))
        tell_apart(run, content);
    else if (!ok)
        fail(run, content);
    run->summary->tried += ok;
    if (run->each)
        roll_back(run);
    return ok || run->apart;
}

static bool
try_all(struct run *run)
{
    const struct plan *plan = &run->survey.plan;
    bool ok = true;

    stop_limit(run->m.stop, LIMIT_RUN, run->m.settings->timeout);
    for (size_t i = 0; ok && !run->apart && i < plan->step_count; i++)
        ok = try_next(run, &run->survey.contents[i]);
    roll_back(run);
    return ok;
}

static void
tell_what_it_does(struct run *run)
{
    migrator_notify(
        &run->m,
        (struct event){
            .kind = EVENT_NOTICE,
            .level = PROBLEM_NOTE,
            .text =
                "a dry run executes the migrations and rolls back: it takes and holds "
                "the locks that `up` would take; sequence values, dead rows and "
                "server logs stay" });
}

static bool
run_steps(struct run *run)
{
    if (!look(run))
        return false;
    run->summary->outcome = OUTCOME_DONE;
    run->summary->nothing_to_do = run->survey.plan.step_count == 0;
    if (run->summary->nothing_to_do)
        return true;
    tell_what_it_does(run);
    return try_all(run);
}

bool
run_try(const struct settings *settings, const struct plan_request *request, bool each,
        const struct observer *observer, struct stop *stop, struct arena *arena,
        struct run_summary *summary, struct error *err)
{
    struct run run = { .request = request, .each = each, .summary = summary, .err = err };
    int64_t began = stop_now();
    bool done;

    *summary =
        (struct run_summary){ .target = "", .outcome = OUTCOME_REFUSED, .kind = RUN_TRY };
    migrator_init(&run.m, "dry-run", settings, observer, stop, arena);
    run.m.dry_run = true;
    done = run_steps(&run);
    step_finish(&run.m, summary, began, done ? NULL : err);
    return done;
}
