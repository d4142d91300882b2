#include "pg/takeover.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "pg/applied.h"
#include "pg/exec.h"
#include "pg/history.h"

/* What golang-migrate's single row says. */
struct tracker {
    const char *name;  /* as people write it: schema.table */
    const char *ident; /* quoted */
    bool has_row, dirty;
    int64_t version;
};

/* Tables with golang-migrate's columns that we may read; $1: only this one, or NULL. */
static const char find_sql[] =
    "SELECT pg_catalog.concat(n.nspname, '.', c.relname),"
    " pg_catalog.format('%I.%I', n.nspname, c.relname)"
    " FROM pg_catalog.pg_class c"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE c.relkind IN ('r', 'p')"
    " AND ($1::pg_catalog.text IS NULL OR c.oid = pg_catalog.to_regclass($1))"
    " AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')"
    " AND pg_catalog.has_table_privilege(c.oid, 'SELECT')"
    " AND EXISTS (SELECT 1 FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid"
    " AND a.attname = 'version' AND NOT a.attisdropped"
    " AND a.atttypid IN ('pg_catalog.int4'::pg_catalog.regtype,"
    " 'pg_catalog.int8'::pg_catalog.regtype))"
    " AND EXISTS (SELECT 1 FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid"
    " AND a.attname = 'dirty' AND NOT a.attisdropped"
    " AND a.atttypid = 'pg_catalog.bool'::pg_catalog.regtype)"
    " ORDER BY 1";

static bool
read_row(struct session *session, struct tracker *tracker, struct arena *arena,
         struct error *err)
{
    const char *sql =
        arena_printf(arena, "SELECT version, dirty FROM %s ORDER BY version DESC LIMIT 1",
                     tracker->ident);
    PGresult *res;

    if (!exec_query(session, sql, NULL, &res, err))
        return false;
    tracker->has_row = PQntuples(res) > 0;
    if (tracker->has_row) {
        tracker->version = strtoll(PQgetvalue(res, 0, 0), NULL, 10);
        tracker->dirty = PQgetvalue(res, 0, 1)[0] == 't';
    }
    PQclear(res);
    return true;
}

/* Trackers of that name (NULL: all) that hold a row. */
static bool
find_trackers(struct session *session, const char *name, struct arena *arena,
              struct tracker **list, size_t *count, struct error *err)
{
    PGresult *res;
    bool ok = true;

    *count = 0;
    if (!exec_query(session, find_sql, PG_PARAMS(name), &res, err))
        return false;
    *list = arena_alloc(arena, ((size_t)PQntuples(res) + 1) * sizeof(**list));
    for (int i = 0; ok && i < PQntuples(res); i++) {
        struct tracker *tracker = &(*list)[*count];

        *tracker =
            (struct tracker){ .name = arena_strdup(arena, PQgetvalue(res, i, 0)),
                              .ident = arena_strdup(arena, PQgetvalue(res, i, 1)) };
        ok = read_row(session, tracker, arena, err);
        *count += tracker->has_row;
    }
    PQclear(res);
    return ok;
}

static bool
refuse_unnamed(const struct tracker *list, size_t count, struct error *err)
{
    error_set(err, ERROR_PLAN, "found %s at version %" PRId64 " (%s)", list[0].name,
              list[0].version, list[0].dirty ? "dirty" : "clean");
    if (count > 1)
        error_detail(err, "There are %zu such tables; another is %s.", count,
                     list[1].name);
    return error_hint(err,
                      "Take it over: --legacy-table %s; not ours: --legacy-table none.",
                      list[0].name);
}

static bool
refuse_dirty(const struct tracker *tracker, struct error *err)
{
    error_set(err, ERROR_PLAN, "%s is dirty at version %" PRId64, tracker->name,
              tracker->version);
    error_detail(err, "That migration failed under the other tool; what it left is not "
                      "known. Nothing was recorded.");
    return error_hint(err,
                      "Look at the schema, finish or undo that migration by hand, set "
                      "dirty to false in %s (and version to the last one applied), and "
                      "run `luamig up` again.",
                      tracker->name);
}

static bool
decide(const struct takeover_input *in, const struct tracker *tracker,
       struct takeover *out, struct error *err)
{
    if (tracker->dirty)
        return refuse_dirty(tracker, err);
    if (source_find(in->source, tracker->version) == NULL) {
        error_set(err, ERROR_PLAN,
                  "%s is at version %" PRId64 ", which has no file in '%s'",
                  tracker->name, tracker->version, in->source->dir);
        return error_hint(err, "Is it this program's table, and this its folder? Nothing "
                               "was recorded.");
    }
    *out = (struct takeover){ .action = TAKEOVER_RECORD,
                              .tracker = tracker->name,
                              .version = tracker->version };
    return true;
}

static bool
look_for_first_time(struct session *session, const struct takeover_input *in,
                    struct arena *arena, struct takeover *out, struct error *err)
{
    const char *named = in->settings->legacy_table;
    struct tracker *list;
    size_t count;

    if (named != NULL && strcmp(named, "none") == 0)
        return true;
    if (!find_trackers(session, named, arena, &list, &count, err))
        return false;
    if (count == 0)
        return true;
    return named != NULL ? decide(in, &list[0], out, err)
                         : refuse_unnamed(list, count, err);
}

/* The newest take-over as the history has it, and the tracker as it stands now. */
static bool
compare(struct session *session, const struct takeover_input *in, struct arena *arena,
        struct takeover *then, struct takeover *now, struct error *err)
{
    struct tracker *list;
    size_t count;

    *then = *now = (struct takeover){ 0 };
    if (in->history == NULL)
        return true;
    if (!history_last_takeover(session, in->history, arena, &then->tracker,
                               &then->version, err))
        return false;
    if (then->tracker == NULL)
        return true;
    if (!find_trackers(session, then->tracker, arena, &list, &count, err))
        return false;
    if (count > 0)
        *now = (struct takeover){ .tracker = list[0].name, .version = list[0].version };
    return true;
}

bool
takeover_present(struct session *session, const struct takeover_input *in,
                 struct arena *arena, struct takeover *out, struct error *err)
{
    struct takeover then;

    return compare(session, in, arena, &then, out, err);
}

/* An older tool that ran again after the take-over applied what we know nothing of. */
static bool
check_moved(struct session *session, const struct takeover_input *in, struct arena *arena,
            struct error *err)
{
    struct takeover then, now;

    if (!compare(session, in, arena, &then, &now, err))
        return false;
    if (now.tracker == NULL || now.version == then.version)
        return true;
    error_set(err, ERROR_PLAN,
              "%s moved from version %" PRId64 " to %" PRId64 " after it was taken over",
              now.tracker, then.version, now.version);
    error_detail(err, "The older tool ran again; luamig does not know what it applied.");
    return error_hint(err,
                      "If %" PRId64 " is applied: luamig mark applied %" PRId64
                      "; and take the older tool out of the deploy.",
                      now.version, now.version);
}

bool
takeover_look(struct session *session, const struct takeover_input *in,
              struct arena *arena, struct takeover *out, struct error *err)
{
    *out = (struct takeover){ 0 };
    return in->set_is_empty ? look_for_first_time(session, in, arena, out, err)
                            : check_moved(session, in, arena, err);
}

static bool
insert_versions(struct session *session, const struct takeover_input *in,
                const struct takeover *takeover, struct arena *arena, struct error *err)
{
    const char *sql =
        applied_insert_sql(arena, applied_ident(arena, &in->settings->table, ""));

    for (size_t i = 0; i < in->source->count; i++) {
        const struct migration *migration = &in->source->migrations[i];

        if (migration->version > takeover->version)
            break;
        if (!exec_command(session, sql,
                          PG_PARAMS(arena_printf(arena, "%" PRId64, migration->version),
                                    migration->name, NULL),
                          err))
            return false;
    }
    return true;
}

bool
takeover_note(struct session *session, const struct takeover_input *in,
              const struct takeover *takeover, struct error *err)
{
    struct history_entry entry = { .run = session->server->run,
                                   .action = "take-over",
                                   .version = takeover->version,
                                   .name = takeover->tracker,
                                   .environments = in->source->environments,
                                   .outcome = "done" };

    return history_write(session, in->history, &entry, err);
}

bool
takeover_record(struct session *session, const struct takeover_input *in,
                const struct takeover *takeover, struct arena *arena, struct error *err)
{
    struct error ignored = { 0 };

    if (exec_command(session, "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", NULL,
                     err) &&
        insert_versions(session, in, takeover, arena, err) &&
        takeover_note(session, in, takeover, err) && exec_commit(session, err))
        return true;
    exec_rollback(session, &ignored);
    return false;
}
