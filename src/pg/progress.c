#include "pg/progress.h"

#include "pg/exec.h"

/* Text and percentage of whatever pg_stat_progress_* view knows the backend. */
static const char progress_sql[] =
    "SELECT p.what, p.percent FROM ("
    "SELECT 1 AS rank, p.phase AS what,"
    " CASE WHEN p.blocks_total > 0 THEN 100 * p.blocks_done / p.blocks_total"
    " WHEN p.tuples_total > 0 THEN 100 * p.tuples_done / p.tuples_total"
    " WHEN p.lockers_total > 0 THEN 100 * p.lockers_done / p.lockers_total END AS percent"
    " FROM pg_catalog.pg_stat_progress_create_index p WHERE p.pid = $1::pg_catalog.int4"
    " UNION ALL SELECT 2, pg_catalog.concat('vacuum: ', p.phase),"
    " CASE WHEN p.heap_blks_total > 0"
    " THEN 100 * p.heap_blks_scanned / p.heap_blks_total END"
    " FROM pg_catalog.pg_stat_progress_vacuum p WHERE p.pid = $1::pg_catalog.int4"
    " UNION ALL SELECT 3, pg_catalog.concat(pg_catalog.lower(p.command), ': ', p.phase),"
    " CASE WHEN p.heap_blks_total > 0"
    " THEN 100 * p.heap_blks_scanned / p.heap_blks_total END"
    " FROM pg_catalog.pg_stat_progress_cluster p WHERE p.pid = $1::pg_catalog.int4"
    " UNION ALL SELECT 4, 'waiting for a lock', NULL"
    " FROM pg_catalog.pg_stat_activity a"
    " WHERE a.pid = $1::pg_catalog.int4 AND a.wait_event_type = 'Lock'"
    ") p ORDER BY p.rank LIMIT 1";

bool
progress_of(struct session *control, int pid, struct arena *arena, const char **text,
            struct error *err)
{
    PGresult *res;

    *text = NULL;
    if (!exec_query(control, progress_sql, PG_PARAMS(arena_printf(arena, "%d", pid)),
                    &res, err))
        return false;
    if (PQntuples(res) > 0) {
        const char *percent = exec_value(res, 0, 1);

        *text = arena_printf(arena, "%s%s%s%s", PQgetvalue(res, 0, 0),
                             percent != NULL ? " " : "", percent != NULL ? percent : "",
                             percent != NULL ? " %" : "");
    }
    PQclear(res);
    return true;
}
