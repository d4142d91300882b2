#include "pg/footprint.h"

#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "pg/control.h"
#include "pg/exec.h"

/* Strengths by table 13.2; what is dropped has no pg_class row here any more. */
static const char locks_sql[] =
    "SELECT l.relation::pg_catalog.int8, l.mode, l.strength,"
    " COALESCE(pg_catalog.pg_table_size(c.oid), 0), c.relfilenode"
    " FROM (SELECT DISTINCT ON (k.relation) k.relation, k.mode, m.strength"
    " FROM pg_catalog.pg_locks k JOIN (VALUES ('AccessShareLock', 1), ('RowShareLock', 2),"
    " ('RowExclusiveLock', 3), ('ShareUpdateExclusiveLock', 4), ('ShareLock', 5),"
    " ('ShareRowExclusiveLock', 6), ('ExclusiveLock', 7), ('AccessExclusiveLock', 8))"
    " m (mode, strength) ON m.mode = k.mode"
    " WHERE k.pid = pg_catalog.pg_backend_pid() AND k.locktype = 'relation' AND k.granted"
    " AND k.database <> 0 ORDER BY k.relation, m.strength DESC) l"
    " LEFT JOIN pg_catalog.pg_class c ON c.oid = l.relation"
    " WHERE c.oid IS NULL OR c.relkind IN ('r', 'p', 'm') AND c.relpersistence <> 't'";

static const char names_sql[] =
    "SELECT c.oid::pg_catalog.int8, pg_catalog.format('%I.%I', n.nspname, c.relname),"
    " c.relpages::pg_catalog.int8 *"
    " pg_catalog.current_setting('block_size')::pg_catalog.int8, c.relfilenode"
    " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE c.oid = ANY ($1::pg_catalog.oid[]) AND c.relkind IN ('r', 'p', 'm')"
    " AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')";

static const char rows_sql[] =
    "SELECT COALESCE(sum(s.n_tup_ins + s.n_tup_upd + s.n_tup_del), 0)::pg_catalog.int8"
    " FROM pg_catalog.pg_stat_xact_user_tables s";

bool
footprint_rows(struct session *work, int64_t *rows, struct error *err)
{
    PGresult *res;

    if (!exec_query(work, rows_sql, NULL, &res, err))
        return false;
    *rows = strtoll(PQgetvalue(res, 0, 0), NULL, 10);
    PQclear(res);
    return true;
}

static bool
ask_locks(struct session *work, struct arena *arena, struct footprint *out,
          struct error *err)
{
    PGresult *res;

    if (!exec_query(work, locks_sql, NULL, &res, err))
        return false;
    out->count = (size_t)PQntuples(res);
    out->tables = arena_alloc(arena, (out->count + 1) * sizeof(*out->tables));
    for (size_t i = 0; i < out->count; i++) {
        int row = (int)i;

        out->tables[i] = (struct footprint_table){
            .oid = arena_strdup(arena, PQgetvalue(res, row, 0)),
            .mode = arena_strdup(arena, PQgetvalue(res, row, 1)),
            .strength = atoi(PQgetvalue(res, row, 2)),
            .bytes = strtoll(PQgetvalue(res, row, 3), NULL, 10),
            .storage = arena_strdup(arena, exec_value(res, row, 4)),
        };
    }
    PQclear(res);
    return true;
}

static const char *
oid_list(const struct footprint *in, struct arena *arena)
{
    struct strbuf text = { 0 };
    const char *list;

    strbuf_putc(&text, '{');
    for (size_t i = 0; i < in->count; i++)
        strbuf_printf(&text, "%s%s", i > 0 ? "," : "", in->tables[i].oid);
    strbuf_putc(&text, '}');
    list = arena_strdup(arena, strbuf_text(&text));
    strbuf_release(&text);
    return list;
}

static void
name_table(struct footprint_table *table, const PGresult *res, struct arena *arena)
{
    for (int row = 0; row < PQntuples(res); row++) {
        if (strcmp(PQgetvalue(res, row, 0), table->oid) != 0)
            continue;
        table->name = arena_strdup(arena, PQgetvalue(res, row, 1));
        table->was = arena_strdup(arena, PQgetvalue(res, row, 3));
        if (table->storage == NULL)
            table->bytes = strtoll(PQgetvalue(res, row, 2), NULL, 10);
        return;
    }
}

/* Those that nobody else can see go. */
static bool
ask_names(struct session *control, struct arena *arena, struct footprint *out,
          struct error *err)
{
    PGresult *res;
    size_t kept = 0;

    if (!exec_query(control, names_sql, PG_PARAMS(oid_list(out, arena)), &res, err))
        return false;
    for (size_t i = 0; i < out->count; i++) {
        name_table(&out->tables[i], res, arena);
        if (out->tables[i].name != NULL)
            out->tables[kept++] = out->tables[i];
    }
    out->count = kept;
    PQclear(res);
    return true;
}

bool
footprint_take(struct server *server, struct arena *arena, struct footprint *out,
               struct error *err)
{
    struct session *control = control_get(server);

    *out = (struct footprint){ 0 };
    if (!footprint_rows(&server->work, &out->rows, err))
        return false;
    return control == NULL || (ask_locks(&server->work, arena, out, err) &&
                               ask_names(control, arena, out, err));
}
