#include "pg/tracker.h"

#include <inttypes.h>
#include <stdlib.h>

#include "pg/exec.h"

/* $1: only this one, or NULL. A table with both tools' columns is golang-migrate's. */
static const char find_sql[] =
    "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname),"
    " pg_catalog.count(*) FILTER (WHERE a.attname IN ('version', 'dirty')) < 2"
    " FROM pg_catalog.pg_class c"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped"
    " AND CASE WHEN a.attname IN ('version', 'id', 'version_id')"
    " THEN a.atttypid IN ('pg_catalog.int4'::pg_catalog.regtype,"
    " 'pg_catalog.int8'::pg_catalog.regtype)"
    " WHEN a.attname IN ('dirty', 'is_applied')"
    " THEN a.atttypid = 'pg_catalog.bool'::pg_catalog.regtype"
    " WHEN a.attname = 'tstamp'"
    " THEN a.atttypid IN ('pg_catalog.timestamp'::pg_catalog.regtype,"
    " 'pg_catalog.timestamptz'::pg_catalog.regtype)"
    " ELSE false END"
    " WHERE c.relkind IN ('r', 'p')"
    " AND ($1::pg_catalog.text IS NULL OR c.oid = pg_catalog.to_regclass($1))"
    " AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')"
    " AND pg_catalog.has_table_privilege(c.oid, 'SELECT')"
    " GROUP BY c.oid, n.nspname, c.relname"
    " HAVING pg_catalog.count(*) FILTER (WHERE a.attname IN ('version', 'dirty')) = 2"
    " OR pg_catalog.count(*) FILTER"
    " (WHERE a.attname IN ('id', 'version_id', 'is_applied', 'tstamp')) = 4"
    " ORDER BY 1";

static const char migrate_sql[] =
    "SELECT version, dirty FROM %s ORDER BY version DESC LIMIT 1";

static const char goose_sql[] =
    "SELECT version_id, CASE WHEN pg_catalog.isfinite(tstamp)"
    " THEN pg_catalog.to_char(tstamp::pg_catalog.timestamptz"
    " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') END"
    " FROM (SELECT DISTINCT ON (version_id) version_id, is_applied, tstamp FROM %s"
    " WHERE version_id > 0 ORDER BY version_id, id DESC) newest"
    " WHERE is_applied ORDER BY version_id";

static void
take_migrate(struct tracker *tracker, PGresult *res)
{
    tracker->version = strtoll(PQgetvalue(res, 0, 0), NULL, 10);
    tracker->dirty = PQgetvalue(res, 0, 1)[0] == 't';
}

static void
take_goose(struct tracker *tracker, PGresult *res, struct arena *arena)
{
    tracker->count = (size_t)PQntuples(res);
    tracker->versions = arena_alloc(arena, tracker->count * sizeof(*tracker->versions));
    for (size_t i = 0; i < tracker->count; i++)
        tracker->versions[i] = (struct tracker_version){
            .version = strtoll(PQgetvalue(res, (int)i, 0), NULL, 10),
            .applied_at = arena_strdup(arena, exec_value(res, (int)i, 1)),
        };
    tracker->version = tracker->versions[tracker->count - 1].version;
}

/* *found: anything is applied in it. */
static bool
read_rows(struct session *session, struct tracker *tracker, struct arena *arena,
          bool *found, struct error *err)
{
    bool goose = tracker->kind == TRACKER_GOOSE;
    const char *sql = goose ? arena_printf(arena, goose_sql, tracker->name)
                            : arena_printf(arena, migrate_sql, tracker->name);
    PGresult *res;

    if (!exec_query(session, sql, NULL, &res, err))
        return false;
    *found = PQntuples(res) > 0;
    if (*found && goose)
        take_goose(tracker, res, arena);
    else if (*found)
        take_migrate(tracker, res);
    PQclear(res);
    return true;
}

bool
tracker_find(struct session *session, const char *name, struct arena *arena,
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
        bool found = false;

        *tracker =
            (struct tracker){ .kind = PQgetvalue(res, i, 1)[0] == 't' ? TRACKER_GOOSE
                                                                      : TRACKER_MIGRATE,
                              .name = arena_strdup(arena, PQgetvalue(res, i, 0)) };
        ok = read_rows(session, tracker, arena, &found, err);
        *count += found;
    }
    PQclear(res);
    return ok;
}

const char *
tracker_text(const struct tracker *tracker, struct arena *arena)
{
    switch (tracker->kind) {
    case TRACKER_MIGRATE:
        return arena_printf(arena, "%s at version %" PRId64, tracker->name,
                            tracker->version);
    case TRACKER_GOOSE:
        return arena_printf(arena, "%s, %zu version%s applied", tracker->name,
                            tracker->count, tracker->count == 1 ? "" : "s");
    }
    return tracker->name;
}
