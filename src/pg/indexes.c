#include "pg/indexes.h"

#include <string.h>

#include "pg/exec.h"

static const char invalid_sql[] =
    "SELECT c.oid, pg_catalog.format('%I.%I', n.nspname, c.relname),"
    " n.nspname, t.relname, c.relname,"
    " EXISTS (SELECT 1 FROM pg_catalog.pg_stat_progress_create_index p"
    " WHERE p.index_relid = c.oid)"
    " FROM pg_catalog.pg_index i"
    " JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid"
    " JOIN pg_catalog.pg_class t ON t.oid = i.indrelid"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE NOT i.indisvalid AND c.relkind = 'i'"
    " AND ($1::pg_catalog.text IS NULL OR i.indrelid = pg_catalog.to_regclass($1))"
    " AND ($2::pg_catalog.text IS NULL OR i.indrelid ="
    " (SELECT x.indrelid FROM pg_catalog.pg_index x"
    " WHERE x.indexrelid = pg_catalog.to_regclass($2)))"
    " ORDER BY 2";

bool
indexes_invalid(struct session *session, const char *relation, const char *index,
                struct arena *arena, struct indexes *out, struct error *err)
{
    PGresult *res;

    *out = (struct indexes){ 0 };
    if (!exec_query(session, invalid_sql, PG_PARAMS(relation, index), &res, err))
        return false;
    out->count = (size_t)PQntuples(res);
    out->list = arena_alloc(arena, (out->count + 1) * sizeof(*out->list));
    for (size_t i = 0; i < out->count; i++) {
        int row = (int)i;

        out->list[i] =
            (struct index){ .oid = arena_strdup(arena, PQgetvalue(res, row, 0)),
                            .ident = arena_strdup(arena, PQgetvalue(res, row, 1)),
                            .schema = arena_strdup(arena, PQgetvalue(res, row, 2)),
                            .table = arena_strdup(arena, PQgetvalue(res, row, 3)),
                            .name = arena_strdup(arena, PQgetvalue(res, row, 4)),
                            .building = PQgetvalue(res, row, 5)[0] == 't' };
    }
    PQclear(res);
    return true;
}

static bool
contains(const struct indexes *indexes, const char *oid)
{
    for (size_t i = 0; i < indexes->count; i++) {
        if (strcmp(indexes->list[i].oid, oid) == 0)
            return true;
    }
    return false;
}

const struct index *
indexes_leftover(const struct indexes *before, const struct indexes *now)
{
    for (size_t i = 0; i < now->count; i++) {
        if (!now->list[i].building && !contains(before, now->list[i].oid))
            return &now->list[i];
    }
    return NULL;
}

bool
indexes_drop(struct session *session, const struct index *index, struct error *err)
{
    struct arena arena = { 0 };
    const char *sql =
        arena_printf(&arena, "DROP INDEX CONCURRENTLY IF EXISTS %s", index->ident);
    PGresult *res;
    bool ok = exec_outside(session, sql, NULL, &res, err);

    PQclear(res);
    arena_release(&arena);
    return ok;
}
