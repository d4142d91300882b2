#include "engine/run_down.h"

#include <inttypes.h>
#include <string.h>

#include "engine/apply.h"
#include "engine/doubt.h"
#include "engine/hooks.h"
#include "engine/migrator.h"
#include "engine/preflight.h"
#include "engine/step.h"
#include "engine/survey.h"
#include "pg/history.h"

struct run {
    struct migrator m;
    const struct down_request *request;
    struct survey survey;
    struct down_plan plan;
    struct content *contents;
    struct run_summary *summary;
    struct error *err;
};

static bool
read_record(struct run *run)
{
    struct migrator *m = &run->m;

    return applied_look(&m->server.work, &m->settings->table, m->arena, &m->table,
                        run->err) &&
           survey_rows(m, &run->survey, run->err) &&
           plan_down(&run->survey.source, &run->survey.set, run->request, m->arena,
                     &run->plan, run->err);
}

/* An applied version whose files are gone, as far as the record knows it. */
static const struct migration *
orphan(struct run *run, const struct plan_entry *entry)
{
    struct migration *migration = arena_alloc(run->m.arena, sizeof(*migration));

    migration->version = entry->version;
    migration->version_text = arena_printf(run->m.arena, "%" PRId64, entry->version);
    migration->name = entry->applied->name;
    return migration;
}

static bool
no_down(struct run *run, const struct migration *migration, const char *reason)
{
    error_set(run->err, ERROR_PLAN, "%s cannot be undone: %s",
              source_label(migration, run->m.arena), reason);
    if (migration->up.path != NULL)
        error_at(run->err, migration->up.path, 0, 0);
    return error_hint(run->err, "Nothing was undone.");
}

static bool
take_from_history(struct run *run, const struct plan_entry *entry, struct content *out)
{
    struct migrator *m = &run->m;
    const struct migration *migration = orphan(run, entry);
    const char *kind = NULL, *text = NULL;

    if (m->table.has_history &&
        !history_down(&m->server.work, migrator_table(m, "_history"), entry->version,
                      m->arena, &kind, &text, run->err))
        return false;
    if (kind == NULL || text == NULL)
        return no_down(run, migration, "it has no file, and the history kept no down");
    return content_take_down(migration, strcmp(kind, "lua") == 0 ? FILE_LUA : FILE_SQL,
                             text, m->arena, out, run->err);
}

static bool
take_from_files(struct run *run, const struct migration *migration, struct content *out)
{
    struct content up;

    if (!content_read(migration, run->m.arena, &up, run->err))
        return false;
    if (up.directives.irreversible != NULL)
        return no_down(run, migration,
                       up.directives.irreversible[0] != '\0' ? up.directives.irreversible
                                                             : "it says irreversible");
    if (migration->down.kind == FILE_NONE)
        return no_down(run, migration, "it has no down file");
    return content_read_down(migration, run->m.arena, out, run->err);
}

static bool
read_contents(struct run *run)
{
    run->contents =
        arena_alloc(run->m.arena, (run->plan.count + 1) * sizeof(*run->contents));
    for (size_t i = 0; i < run->plan.count; i++) {
        const struct plan_entry *entry = &run->plan.steps[i];
        struct content *content = &run->contents[i];
        bool ok = entry->migration != NULL
                      ? take_from_files(run, entry->migration, content)
                      : take_from_history(run, entry, content);

        if (!ok)
            return false;
    }
    return true;
}

static bool
undo_all(struct run *run)
{
    for (size_t i = 0; i < run->plan.count; i++) {
        struct step_place place = { .step = i + 1, .steps = run->plan.count };

        if (!step_may_go_on(&run->m, run->summary, run->err) ||
            !step_run(&run->m, &run->contents[i], place, run->summary, run->err))
            return false;
    }
    return true;
}

static bool
undo_plan(struct run *run)
{
    struct migrator *m = &run->m;

    stop_limit(m->stop, LIMIT_RUN, m->settings->timeout);
    if (!hooks_before_run(m, run->contents, run->plan.count, run->err))
        return false;
    run->summary->outcome = OUTCOME_DONE;
    if (!undo_all(run))
        return false;
    if (!run->request->redo || run->summary->undone == 0)
        hooks_after_run(m); /* else the up is still to come */
    return stop_cause(m->stop) != STOP_SIGNAL ||
           step_may_go_on(m, run->summary, run->err);
}

static void
tell_plan(struct run *run)
{
    for (size_t i = 0; i < run->plan.count; i++)
        migrator_notify(&run->m, (struct event){ .kind = EVENT_STEP_PLANNED,
                                                 .migration = run->contents[i].migration,
                                                 .down = true,
                                                 .mode = content_mode(&run->contents[i]),
                                                 .text = run->contents[i].path });
}

static bool
read_files(struct run *run)
{
    struct survey *survey = &run->survey;

    if (!survey_files(&run->m, survey, run->err))
        return false;
    survey->problems = survey->file_problems;
    survey_tell(&run->m, survey);
    return survey_check(survey, run->err);
}

static bool
look(struct run *run)
{
    bool ok = read_record(run);

    while (!ok && doubt_reconnect(&run->m, run->err))
        ok = read_record(run);
    return ok;
}

/* Nothing was tried yet: what a lost connection took with it is done again. */
static bool
lock_and_plan(struct run *run)
{
    struct migrator *m = &run->m;
    bool ok;

    do
        ok = (m->locked || migrator_lock(m, run->err)) && read_record(run) &&
             read_contents(run) && preflight(m, run->contents, run->plan.count, run->err);
    while (!ok && doubt_reconnect(m, run->err));
    return ok;
}

static bool
run_steps(struct run *run)
{
    struct migrator *m = &run->m;
    bool ok = read_files(run) && migrator_connect(m, run->err) && look(run);

    run->summary->target = m->label;
    if (!ok)
        return false;
    run->summary->nothing_to_do = run->plan.count == 0;
    run->summary->nothing_applied = run->survey.set.count == 0;
    if (run->plan.count == 0 || run->request->plan_only) {
        ok = read_contents(run);
        if (ok)
            tell_plan(run);
        return ok;
    }
    migrator_notify(m, (struct event){ .kind = EVENT_RUN_STARTED,
                                       .steps = run->plan.count });
    if (!hooks_open(m, HOOKS_DOWN, run->err) || !lock_and_plan(run))
        return false;
    return run->plan.count == 0 || undo_plan(run);
}

bool
run_down(const struct settings *settings, const struct down_request *request,
         const struct observer *observer, struct stop *stop, struct arena *arena,
         struct run_summary *summary, struct error *err)
{
    struct run run = { .request = request, .summary = summary, .err = err };
    int64_t began = stop_now();
    bool done;

    *summary = (struct run_summary){ .target = "", .outcome = OUTCOME_REFUSED };
    summary->kind = RUN_DOWN;
    migrator_init(&run.m, request->redo ? "redo" : "down", settings, observer, stop,
                  arena);
    done = run_steps(&run);
    if (done)
        summary->outcome = OUTCOME_DONE;
    else
        hooks_on_failure(&run.m, err);
    summary->pending = run.plan.count - summary->undone;
    step_finish(&run.m, summary, began, done ? NULL : err);
    return done;
}
