#include "engine/survey.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "engine/backfilled.h"
#include "engine/background.h"
#include "pg/history.h"
#include "pg/steps.h"
#include "plan/exclude.h"

bool
survey_files(struct migrator *m, struct survey *survey, struct error *err)
{
    struct problems *problems = &survey->file_problems;

    if (!source_open(m->settings, m->arena, &survey->source, problems, err))
        return false;
    m->environments = survey->source.environments;
    for (size_t i = 0; m->settings->strict && i < problems->count; i++) {
        if (problems->list[i].level == PROBLEM_WARNING)
            problems->list[i].level = PROBLEM_ERROR;
    }
    return true;
}

bool
survey_up_files(struct migrator *m, struct survey *survey, struct error *err)
{
    return survey_files(m, survey, err) &&
           exclude_mark(m->settings, &survey->source, err);
}

/* The rows that the take-over will write, as if they were there. */
static void
count_taken_over(struct migrator *m, struct survey *survey)
{
    const struct takeover *takeover = &survey->takeover;
    struct applied_set *set = &survey->set;

    set->rows = arena_alloc(m->arena, (takeover->count + 1) * sizeof(*set->rows));
    for (set->count = 0; set->count < takeover->count; set->count++) {
        const struct migration *migration = takeover->rows[set->count].migration;

        set->rows[set->count] =
            (struct applied){ .version = migration->version, .name = migration->name };
    }
}

/* The versions that are half done, ascending. */
static bool
read_partial(struct migrator *m, struct applied_set *set, struct error *err)
{
    bool steps = m->table.has_steps, backfills = m->table.has_backfills;
    const char *sql;
    PGresult *res;
    int64_t *versions;

    if (!steps && !backfills)
        return true;
    sql = arena_printf(m->arena, "%s%s%s ORDER BY 1",
                       steps ? steps_partial_sql(migrator_table(m, "_steps"), m->arena)
                             : "",
                       steps && backfills ? " UNION " : "",
                       backfills ? backfilled_partial_sql(m) : "");
    if (!exec_query(&m->server.work, sql, NULL, &res, err))
        return false;
    set->partial_count = (size_t)PQntuples(res);
    versions = arena_alloc(m->arena, (set->partial_count + 1) * sizeof(*versions));
    for (size_t i = 0; i < set->partial_count; i++)
        versions[i] = strtoll(PQgetvalue(res, (int)i, 0), NULL, 10);
    set->partial = versions;
    PQclear(res);
    return true;
}

bool
survey_rows(struct migrator *m, struct survey *survey, struct error *err)
{
    const struct table_name *table = &m->settings->table;
    struct session *work = &m->server.work;

    survey->set = (struct applied_set){ .names_only = survey->quick };
    if (m->table.exists && !applied_read(work, table, m->arena, &survey->set, err))
        return false;
    return read_partial(m, &survey->set, err);
}

static const struct applied *
find_by_name(const struct applied_set *set, const char *name)
{
    for (size_t i = 0; i < set->count; i++) {
        if (strcmp(set->rows[i].name, name) == 0)
            return &set->rows[i];
    }
    return NULL;
}

/* Repeatables, and which of them differ from what ran last; their files are read. */
static bool
read_repeats(struct migrator *m, struct survey *survey, struct error *err)
{
    const struct source *source = &survey->source;
    struct applied_set ran = { 0 };

    if (source->repeatable_count == 0)
        return true;
    if (m->table.has_history &&
        !history_repeats(&m->server.work, migrator_table(m, "_history"), m->arena, &ran,
                         err))
        return false;
    survey->repeats =
        arena_alloc(m->arena, source->repeatable_count * sizeof(*survey->repeats));
    for (size_t i = 0; i < source->repeatable_count; i++) {
        const struct migration *migration = &source->repeatables[i];
        const struct applied *last = find_by_name(&ran, migration->name);
        struct repeat *repeat = &survey->repeats[i];

        *repeat = (struct repeat){ .migration = migration, .applied = last };
        repeat->changed = last == NULL || last->checksum == NULL;
        if (!repeat->changed &&
            !content_has_drifted(migration, last->checksum, &repeat->changed, err))
            return false;
    }
    return true;
}

struct takeover_input
survey_takeover(struct migrator *m, const struct survey *survey)
{
    return (struct takeover_input){ .settings = m->settings,
                                    .source = &survey->source,
                                    .set_is_empty = survey->set.count == 0,
                                    .history = m->table.has_history
                                                   ? migrator_table(m, "_history")
                                                   : NULL };
}

bool
survey_record(struct migrator *m, struct survey *survey, struct error *err)
{
    struct session *work = &m->server.work;
    struct takeover_input in;

    if (!applied_look(work, &m->settings->table, m->arena, &m->table, err) ||
        !survey_rows(m, survey, err) || !read_repeats(m, survey, err))
        return false;
    in = survey_takeover(m, survey);
    if (!takeover_look(work, &in, m->arena, &survey->takeover, err))
        return false;
    if (survey->takeover.action == TAKEOVER_RECORD)
        count_taken_over(m, survey);
    return true;
}

/* The names' problems first, whatever plan was built before. */
static void
begin_problems(struct migrator *m, struct survey *survey)
{
    survey->problems = (struct problems){ 0 };
    for (size_t i = 0; i < survey->file_problems.count; i++)
        problems_add(&survey->problems, m->arena, &survey->file_problems.list[i]);
}

/* A table that was made with `version int` cannot hold a timestamp. */
static void
check_width(struct migrator *m, struct survey *survey)
{
    const struct table_name *table = &m->settings->table;
    const struct plan *plan = &survey->plan;

    for (size_t i = 0; m->table.int_version && i < plan->step_count; i++) {
        const struct plan_entry *step = plan->steps[i];

        if (step->version <= INT32_MAX || step->migration->repeatable)
            continue;
        problems_add(&survey->problems, m->arena,
                     &(struct problem){
                         .kind = PROBLEM_TABLE,
                         .level = PROBLEM_ERROR,
                         .has_version = true,
                         .version = step->version,
                         .name = step->migration->name,
                         .file = step->migration->up.path,
                         .message =
                             arena_printf(m->arena,
                                          "version %" PRId64
                                          " does not fit column version of %s.%s, "
                                          "an integer",
                                          step->version, table->schema, table->name),
                         .hint = arena_printf(m->arena,
                                              "ALTER TABLE %s ALTER version TYPE bigint;",
                                              migrator_table(m, "")) });
        return;
    }
}

/* Another tool's versions that are not here: nothing can be recorded of them. */
static void
report_without_file(struct migrator *m, struct survey *survey)
{
    const struct takeover *takeover = &survey->takeover;

    if (takeover->action != TAKEOVER_RECORD || takeover->without_file == NULL)
        return;
    problems_add(&survey->problems, m->arena,
                 &(struct problem){
                     .kind = PROBLEM_TRACKER,
                     .level = PROBLEM_NOTE,
                     .message = arena_printf(m->arena,
                                             "applied in %s, but without a file in '%s', "
                                             "so not recorded: %s",
                                             takeover->tracker, survey->source.dir,
                                             takeover->without_file) });
}

bool
survey_plan(struct migrator *m, struct survey *survey, const struct plan_request *request,
            struct error *err)
{
    struct plan_input in = { .source = &survey->source,
                             .set = &survey->set,
                             .request = request,
                             .settings = m->settings,
                             .drifted = survey->drifted,
                             .repeats = survey->repeats,
                             .repeat_count = survey->repeats != NULL
                                                 ? survey->source.repeatable_count
                                                 : 0 };

    background_mark(m, survey);
    begin_problems(m, survey);
    if (!plan_build(&in, m->arena, &survey->plan, &survey->problems, err))
        return false;
    check_width(m, survey);
    report_without_file(m, survey);
    return background_report(m, survey, request, err);
}

static bool
is_known(const struct problems *problems, const struct error *err)
{
    for (size_t i = 0; i < problems->count; i++) {
        const struct problem *problem = &problems->list[i];

        if (problem->file != NULL && strcmp(problem->file, err->place.file) == 0 &&
            problem->line == err->place.line &&
            strcmp(problem->message, err->message) == 0)
            return true;
    }
    return false;
}

void
survey_add_file_problem(struct migrator *m, struct survey *survey,
                        const struct migration *migration, const struct error *err)
{
    if (is_known(&survey->file_problems, err))
        return;
    problems_add(&survey->file_problems, m->arena,
                 &(struct problem){ .kind = PROBLEM_FILE,
                                    .level = PROBLEM_ERROR,
                                    .has_version = !migration->repeatable,
                                    .version = migration->version,
                                    .name = migration->name,
                                    .file = arena_strdup(m->arena, err->place.file),
                                    .line = err->place.line,
                                    .column = err->place.column,
                                    .text = arena_strdup(m->arena, err->place.text),
                                    .message = arena_strdup(m->arena, err->message),
                                    .hint = err->hint[0] != '\0'
                                                ? arena_strdup(m->arena, err->hint)
                                                : NULL });
}

static void
refuse(struct migrator *m, struct survey *survey, const struct migration *migration,
       const char *reason)
{
    struct error err = { 0 };

    error_set(&err, ERROR_PLAN, "%s %s", source_label(migration, m->arena), reason);
    error_hint(&err, "Run it without, or set on_failure = \"stop\".");
    error_at(&err, migration->up.path, 0, 0);
    survey_add_file_problem(m, survey, migration, &err);
}

/* A run that is to leave things as they were begins with nothing that it cannot undo. */
static void
check_failure_rule(struct migrator *m, struct survey *survey, size_t step)
{
    const struct migration *migration = survey->plan.steps[step]->migration;
    const struct content *content = &survey->contents[step];
    enum failure_rule rule = m->settings->on_failure;
    struct error err = { 0 };

    if (content_keeps(content) &&
        (rule == FAILURE_ATOMIC || (rule == FAILURE_ROLLBACK && migration->repeatable)))
        refuse(m, survey, migration,
               "cannot run in one transaction with others (on_failure)");
    if (rule != FAILURE_ROLLBACK || migration->repeatable)
        return;
    if (content->directives.irreversible != NULL)
        refuse(m, survey, migration, "is irreversible (on_failure = rollback)");
    else if (migration->down.kind == FILE_NONE)
        refuse(m, survey, migration, "has no down (on_failure = rollback)");
    else if (!content_read_down(migration, m->arena, &survey->downs[step], &err))
        survey_add_file_problem(m, survey, migration, &err);
}

static void
read_steps(struct migrator *m, struct survey *survey)
{
    const struct plan *plan = &survey->plan;
    struct error err = { 0 };

    survey->contents =
        arena_alloc(m->arena, (plan->step_count + 1) * sizeof(*survey->contents));
    if (m->settings->on_failure == FAILURE_ROLLBACK)
        survey->downs =
            arena_alloc(m->arena, (plan->step_count + 1) * sizeof(*survey->downs));
    for (size_t i = 0; i < plan->step_count; i++) {
        const struct migration *migration = plan->steps[i]->migration;

        if (!content_read(migration, m->arena, &survey->contents[i], &err))
            survey_add_file_problem(m, survey, migration, &err);
        else
            check_failure_rule(m, survey, i);
    }
}

void
survey_contents(struct migrator *m, struct survey *survey)
{
    const struct applied_set *set = &survey->set;
    struct error err = { 0 };

    read_steps(m, survey);
    survey->drifted = arena_alloc(m->arena, set->count + 1);
    for (size_t i = 0; m->settings->drift != DRIFT_OFF && i < set->count; i++) {
        const struct migration *migration =
            source_find(&survey->source, set->rows[i].version);

        if (migration == NULL || set->rows[i].checksum == NULL)
            continue;
        if (!content_has_drifted(migration, set->rows[i].checksum, &survey->drifted[i],
                                 &err))
            survey_add_file_problem(m, survey, migration, &err);
    }
}

void
survey_tell(struct migrator *m, const struct survey *survey)
{
    size_t errors = problems_count(&survey->problems, PROBLEM_ERROR);

    for (size_t i = 0; i < survey->problems.count; i++) {
        const struct problem *problem = &survey->problems.list[i];

        /* A single error is the run's error and told by it. */
        if (problem->level != PROBLEM_ERROR || errors > 1)
            migrator_notify(m,
                            (struct event){ .kind = EVENT_PROBLEM, .problem = problem });
    }
}

bool
survey_tell_environments(struct migrator *m, struct error *err)
{
    const char *now = m->environments != NULL ? m->environments : "", *then;

    if (!m->table.has_history)
        return true;
    if (!history_environments(&m->server.work, migrator_table(m, "_history"), m->arena,
                              &then, err))
        return false;
    if (then == NULL || strcmp(then, now) == 0)
        return true;
    migrator_notify(m, (struct event){
                           .kind = EVENT_NOTICE,
                           .level = PROBLEM_NOTE,
                           .text = arena_printf(m->arena,
                                                "environments changed: were %s, are %s",
                                                then[0] != '\0' ? then : "none",
                                                now[0] != '\0' ? now : "none") });
    return true;
}

bool
survey_check(const struct survey *survey, struct error *err)
{
    if (problems_count(&survey->problems, PROBLEM_ERROR) == 0)
        return true;
    return problems_error(&survey->problems, err);
}
