#include "pg/guard.h"

#include <inttypes.h>

#include "pg/exec.h"

/* classid and objid are the two halves of the key; objsubid 1 says that it is one int8. */
static const char *
lock_condition(const struct guard *guard, struct arena *arena)
{
    return arena_printf(arena,
                        "EXISTS (SELECT 1 FROM pg_catalog.pg_locks l"
                        " WHERE l.locktype = 'advisory'"
                        " AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d"
                        " WHERE d.datname = pg_catalog.current_database())"
                        " AND l.classid = %" PRIu32 "::pg_catalog.oid"
                        " AND l.objid = %" PRIu32 "::pg_catalog.oid"
                        " AND l.objsubid = 1 AND l.pid = %d AND l.granted)",
                        (uint32_t)(guard->key >> 32), (uint32_t)guard->key,
                        guard->lock_pid);
}

/* After a stray COMMIT the row is there, but of another transaction. */
static const char *
row_condition(const struct guard *guard, struct arena *arena)
{
    return arena_printf(arena,
                        "EXISTS (SELECT 1 FROM %s r WHERE r.version = %" PRId64
                        " AND r.xmin = pg_catalog.pg_current_xact_id()::pg_catalog.xid)",
                        guard->table, guard->version);
}

const char *
guard_sql(const struct guard *guard, struct arena *arena)
{
    const char *lock = guard->has_lock ? lock_condition(guard, arena) : "true";
    const char *row = guard->row == GUARD_ROW_IS ? row_condition(guard, arena) : "true";

    /* A constant in the ELSE would be folded by the planner and fail always. */
    return arena_printf(arena,
                        "SELECT CASE WHEN %s AND %s THEN 1"
                        " ELSE pg_catalog.concat('luamig: lock or row lost ',"
                        " pg_catalog.pg_backend_pid())::pg_catalog.int4 END",
                        lock, row);
}

bool
guard_lock_held(struct session *session, const struct guard *guard, bool *held,
                struct error *err)
{
    struct arena arena = { 0 };
    const char *sql;
    PGresult *res = NULL;
    bool ok;

    *held = true;
    if (!guard->has_lock)
        return true;
    sql = arena_printf(&arena, "SELECT %s", lock_condition(guard, &arena));
    ok = exec_query(session, sql, NULL, &res, err);
    if (ok)
        *held = PQgetvalue(res, 0, 0)[0] == 't';
    PQclear(res);
    arena_release(&arena);
    return ok;
}
