#include "engine/record.h"

#include <inttypes.h>
#include <string.h>

#include "engine/backfilled.h"
#include "engine/migrator.h"
#include "engine/survey.h"
#include "pg/exec.h"
#include "pg/history.h"
#include "pg/steps.h"

struct recording {
    struct migrator m;
    const struct record_request *request;
    struct survey survey;
    struct record_result *out;
    struct error *err;
};

static void
add_change(struct recording *r, struct record_change change)
{
    r->out->changes[r->out->count++] = change;
    r->out->needed += change.needed;
}

/* The name and checksum that a version has by its file. */
static bool
add_from_file(struct recording *r, const struct migration *migration)
{
    const struct applied *row = applied_set_find(&r->survey.set, migration->version);
    struct record_change change = { .version = migration->version,
                                    .old_name = row != NULL ? row->name : NULL,
                                    .old_checksum = row != NULL ? row->checksum : NULL,
                                    .new_name = migration->name,
                                    .needed = row == NULL };
    struct content content;

    if (row == NULL) {
        if (!content_read(migration, r->m.arena, &content, r->err))
            return false;
        change.new_checksum = arena_strdup(r->m.arena, content.checksum);
    }
    add_change(r, change);
    return true;
}

static bool
compute_baseline(struct recording *r)
{
    const struct source *source = &r->survey.source;
    int64_t until = r->request->versions[0];

    if (source_find(source, until) == NULL)
        return error_set(r->err, ERROR_USAGE, "version %" PRId64 " is not in '%s'", until,
                         source->dir);
    for (size_t i = 0; i < source->count; i++) {
        if (source->migrations[i].version <= until &&
            applied_set_find(&r->survey.set, source->migrations[i].version) == NULL &&
            !add_from_file(r, &source->migrations[i]))
            return false;
    }
    return true;
}

static bool
compute_applied(struct recording *r)
{
    const struct source *source = &r->survey.source;

    for (size_t i = 0; i < r->request->count; i++) {
        int64_t version = r->request->versions[i];
        const struct migration *migration = source_find(source, version);

        if (migration == NULL) {
            error_set(r->err, ERROR_PLAN, "version %" PRId64 " has no file in '%s'",
                      version, source->dir);
            return error_hint(r->err, "A version is marked applied with its file's name "
                                      "and checksum.");
        }
        if (!add_from_file(r, migration))
            return false;
    }
    return true;
}

static bool
compute_pending(struct recording *r)
{
    for (size_t i = 0; i < r->request->count; i++) {
        int64_t version = r->request->versions[i];
        const struct applied *row = applied_set_find(&r->survey.set, version);

        add_change(r, (struct record_change){ .version = version,
                                              .old_name = row != NULL ? row->name : NULL,
                                              .needed = row != NULL });
    }
    return true;
}

static bool
is_asked_for(const struct record_request *request, int64_t version)
{
    for (size_t i = 0; i < request->count; i++) {
        if (request->versions[i] == version)
            return true;
    }
    return request->count == 0;
}

/* A row that differs from its file by name or bytes. */
static bool
add_repair(struct recording *r, const struct applied *row,
           const struct migration *migration)
{
    struct content content;
    bool drifted = false;

    if (row->checksum != NULL &&
        !content_has_drifted(migration, row->checksum, &drifted, r->err))
        return false;
    if (!drifted && strcmp(row->name, migration->name) == 0)
        return true;
    if (!content_read(migration, r->m.arena, &content, r->err))
        return false;
    add_change(r, (struct record_change){
                      .version = row->version,
                      .old_name = row->name,
                      .new_name = migration->name,
                      .old_checksum = row->checksum,
                      .new_checksum = drifted ? arena_strdup(r->m.arena, content.checksum)
                                              : row->checksum,
                      .needed = true });
    return true;
}

static bool
compute_repair(struct recording *r)
{
    const struct applied_set *set = &r->survey.set;

    for (size_t i = 0; i < r->request->count; i++) {
        int64_t version = r->request->versions[i];

        if (applied_set_find(set, version) == NULL)
            return error_set(r->err, ERROR_PLAN, "version %" PRId64 " is not applied",
                             version);
    }
    for (size_t i = 0; i < set->count; i++) {
        const struct migration *migration =
            source_find(&r->survey.source, set->rows[i].version);

        if (migration != NULL && is_asked_for(r->request, set->rows[i].version) &&
            !add_repair(r, &set->rows[i], migration))
            return false;
    }
    return true;
}

static bool
compute(struct recording *r)
{
    size_t room = r->survey.source.count + r->survey.set.count + r->request->count + 1;

    r->out->changes = arena_alloc(r->m.arena, room * sizeof(*r->out->changes));
    switch (r->request->kind) {
    case RECORD_BASELINE: return compute_baseline(r);
    case RECORD_APPLIED: return compute_applied(r);
    case RECORD_PENDING: return compute_pending(r);
    case RECORD_REPAIR: return compute_repair(r);
    }
    return false;
}

/* The statement for one change; $1 version, $2 name, $3 checksum. */
static const char *
change_sql(struct recording *r)
{
    const char *table = migrator_table(&r->m, "");

    switch (r->request->kind) {
    case RECORD_BASELINE:
    case RECORD_APPLIED: return applied_insert_sql(r->m.arena, table);
    case RECORD_PENDING:
        return arena_printf(r->m.arena, "DELETE FROM %s WHERE version = $1", table);
    case RECORD_REPAIR:
        return arena_printf(r->m.arena,
                            "UPDATE %s SET name = $2, checksum = $3 WHERE version = $1",
                            table);
    }
    return "";
}

static const char *
action_word(enum record_kind kind)
{
    switch (kind) {
    case RECORD_BASELINE: return "baseline";
    case RECORD_APPLIED:
    case RECORD_PENDING: return "mark";
    case RECORD_REPAIR: return "repair";
    }
    return "";
}

/* What was half done is not to be gone on with once somebody says what is so. */
static bool
forget_steps(struct recording *r, int64_t version)
{
    const char *ident = migrator_table(&r->m, "_steps");

    if (r->request->kind == RECORD_REPAIR)
        return true;
    if (r->m.table.has_steps &&
        !exec_command(&r->m.server.work, steps_delete_sql(version, ident, r->m.arena),
                      NULL, r->err))
        return false;
    return backfilled_forget(&r->m, version, r->err);
}

static bool
write_change(struct recording *r, const struct record_change *change)
{
    const char *name = change->new_name != NULL ? change->new_name : change->old_name;
    struct history_entry entry = { .run = r->m.run,
                                   .action = action_word(r->request->kind),
                                   .version = change->version,
                                   .name = name,
                                   .environments = r->m.environments,
                                   .outcome = "done",
                                   .message = r->request->kind == RECORD_PENDING
                                                  ? "marked pending"
                                                  : NULL,
                                   .checksum = change->new_checksum };
    const char *values[] = { arena_printf(r->m.arena, "%" PRId64, change->version),
                             change->new_name, change->new_checksum };
    struct pg_params params = { .count = r->request->kind == RECORD_PENDING ? 1 : 3,
                                .values = values };

    return exec_command(&r->m.server.work, change_sql(r), &params, r->err) &&
           forget_steps(r, change->version) &&
           history_write(&r->m.server.work, migrator_table(&r->m, "_history"), &entry,
                         r->err);
}

/* A tracker that moved since its take-over is at peace again once its version is marked. */
static bool
settle_tracker(struct recording *r)
{
    struct takeover_input in = survey_takeover(&r->m, &r->survey);
    struct takeover tracker = { 0 };

    if (r->request->kind != RECORD_APPLIED)
        return true;
    if (!takeover_present(&r->m.server.work, &in, r->m.arena, &tracker, r->err))
        return false;
    if (tracker.tracker == NULL || !is_asked_for(r->request, tracker.version))
        return true;
    return takeover_note(&r->m.server.work, &in, &tracker, r->err);
}

static bool
write_all(struct recording *r)
{
    struct session *work = &r->m.server.work;
    struct error ignored = { 0 };
    bool ok = exec_command(work, "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", NULL,
                           r->err);

    for (size_t i = 0; ok && i < r->out->count; i++)
        ok = !r->out->changes[i].needed || write_change(r, &r->out->changes[i]);
    ok = ok && settle_tracker(r) && migrator_check_lock(&r->m, r->err) &&
         exec_commit(work, r->err);
    if (!ok)
        exec_rollback(work, &ignored);
    return ok;
}

static bool
read_record(struct recording *r)
{
    const struct table_name *table = &r->m.settings->table;

    return applied_look(&r->m.server.work, table, r->m.arena, &r->m.table, r->err) &&
           survey_rows(&r->m, &r->survey, r->err);
}

static bool
run(struct recording *r)
{
    if (!survey_files(&r->m, &r->survey, r->err))
        return false;
    r->survey.problems = r->survey.file_problems;
    survey_tell(&r->m, &r->survey);
    if (!survey_check(&r->survey, r->err) || !migrator_connect(&r->m, r->err))
        return false;
    r->out->target = r->m.label;
    if (r->request->look_only)
        return read_record(r) && compute(r);
    return migrator_lock(&r->m, r->err) && read_record(r) && compute(r) &&
           applied_create(&r->m.server.work, &r->m.settings->table, &r->m.table,
                          r->m.arena, r->err) &&
           write_all(r);
}

bool
record_change(const struct settings *settings, const struct record_request *request,
              const struct observer *observer, struct stop *stop, struct arena *arena,
              struct record_result *out, struct error *err)
{
    struct recording r = { .request = request, .out = out, .err = err };
    bool ok;

    *out = (struct record_result){ .target = "" };
    migrator_init(&r.m, request->command, settings, observer, stop, arena);
    ok = run(&r);
    migrator_unlock(&r.m, ok ? "done" : "failed");
    migrator_release(&r.m);
    return ok;
}

static bool
decide(struct migrator *m, const struct record_statement *s, struct error *err)
{
    const char *ident = migrator_table(m, "_steps");
    const char *version = arena_printf(m->arena, "%" PRId64, s->version);
    const char *n = arena_printf(m->arena, "%zu", s->n);
    const char *verb = s->done
                           ? arena_printf(m->arena, "UPDATE %s SET state = 'done'", ident)
                           : arena_printf(m->arena, "DELETE FROM %s", ident);
    const char *sql = arena_printf(m->arena, "%s WHERE version = $1 AND n = $2", verb);
    PGresult *res;
    bool found;

    if (!applied_look(&m->server.work, &m->settings->table, m->arena, &m->table, err))
        return false;
    found = m->table.has_steps;
    if (found) {
        if (!exec_query(&m->server.work, sql, PG_PARAMS(version, n), &res, err))
            return false;
        found = strcmp(PQcmdTuples(res), "0") != 0;
        PQclear(res);
    }
    if (found)
        return true;
    error_set(err, ERROR_PLAN, "no statement %zu of version %" PRId64 " is recorded",
              s->n, s->version);
    return error_hint(err, "`luamig status` names half-done versions.");
}

bool
record_decide(const struct settings *settings, const struct record_statement *statement,
              const struct observer *observer, struct stop *stop, struct arena *arena,
              struct error *err)
{
    struct migrator m;
    bool ok;

    migrator_init(&m, "repair", settings, observer, stop, arena);
    ok =
        migrator_connect(&m, err) && migrator_lock(&m, err) && decide(&m, statement, err);
    migrator_unlock(&m, ok ? "done" : "failed");
    migrator_release(&m);
    return ok;
}
