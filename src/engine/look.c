#include "engine/look.h"

#include "engine/migrator.h"
#include "engine/survey.h"
#include "engine/verify.h"
#include "pg/exec.h"

#define READ_ONLY "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

static const char *
standby_until(struct session *work, struct arena *arena)
{
    PGresult *res;
    struct error err = { 0 };
    const char *until;

    if (!work->server->standby)
        return NULL;
    if (!exec_query(
            work,
            "SELECT pg_catalog.to_char(pg_catalog.pg_last_xact_replay_timestamp(),"
            " 'YYYY-MM-DD\"T\"HH24:MI:SSOF')",
            NULL, &res, &err))
        return "an unknown time";
    until = exec_value(res, 0, 0);
    until = until != NULL ? arena_strdup(arena, until) : "an unknown time";
    PQclear(res);
    return until;
}

static bool
look_at_record(struct migrator *m, const struct look_request *request,
               struct survey *survey, struct error *err)
{
    if (!exec_command(&m->server.work, READ_ONLY, NULL, err) ||
        !survey_record(m, survey, err) || !survey_plan(m, survey, &request->plan, err))
        return false;
    if (request->depth == LOOK_CONTENTS) {
        survey_contents(m, survey);
        if (!survey_plan(m, survey, &request->plan, err))
            return false;
    }
    return !request->verify || verify_survey(m, survey, err);
}

static void
describe_steps(struct migrator *m, const struct survey *survey, struct look *out)
{
    const struct plan *plan = &survey->plan;

    if (survey->contents == NULL)
        return;
    out->steps = arena_alloc(m->arena, (plan->step_count + 1) * sizeof(*out->steps));
    for (size_t i = 0; i < plan->step_count; i++)
        out->steps[i] =
            (struct look_step){ .entry = plan->steps[i],
                                .mode = survey->contents[i].migration != NULL
                                            ? content_mode(&survey->contents[i])
                                            : "unknown",
                                .statements = survey->contents[i].sql.count,
                                .notice = survey->contents[i].sql.notice };
}

static void
describe_server(struct migrator *m, struct look *out)
{
    const struct table_name *table = &m->settings->table;

    out->host = arena_strdup(m->arena, server_host(&m->server));
    out->port = arena_strdup(m->arena, server_port(&m->server));
    out->database = arena_strdup(m->arena, m->server.database);
    out->table = arena_printf(m->arena, "%s.%s", table->schema, table->name);
    out->standby_until = standby_until(&m->server.work, m->arena);
}

static void
fill(struct migrator *m, const struct survey *survey, struct look *out)
{
    describe_server(m, out);
    if (survey->takeover.action == TAKEOVER_RECORD)
        out->taken_over = survey->takeover.text;
    out->source = survey->source;
    out->set = survey->set;
    out->plan = survey->plan;
    out->problems = survey->problems;
    describe_steps(m, survey, out);
}

bool
look_take(const struct settings *settings, const struct look_request *request,
          const struct observer *observer, struct stop *stop, struct arena *arena,
          struct look *out, struct error *err)
{
    struct survey survey = { 0 };
    struct migrator m;
    bool ok;

    *out = (struct look){ 0 };
    migrator_init(&m, request->command, settings, observer, stop, arena);
    ok = survey_up_files(&m, &survey, err) &&
         session_open(&m.server, SESSION_WORK, err) &&
         look_at_record(&m, request, &survey, err);
    if (ok)
        fill(&m, &survey, out);
    migrator_release(&m);
    return ok;
}

bool
look_history(const struct settings *settings, size_t limit, struct stop *stop,
             struct arena *arena, struct attempt **attempts, size_t *count,
             struct error *err)
{
    struct migrator m;
    bool ok;

    *attempts = NULL;
    *count = 0;
    migrator_init(&m, "history", settings, NULL, stop, arena);
    ok = session_open(&m.server, SESSION_WORK, err) &&
         applied_look(&m.server.work, &settings->table, arena, &m.table, err);
    if (ok && m.table.has_history)
        ok = history_read(&m.server.work, migrator_table(&m, "_history"), limit, arena,
                          attempts, count, err);
    migrator_release(&m);
    return ok;
}
