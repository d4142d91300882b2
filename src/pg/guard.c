#include "pg/guard.h"

#include <inttypes.h>

#include "pg/exec.h"

static const char *
condition_of(const struct guard_lock *lock, struct arena *arena)
{
    if (lock->lease != NULL)
        return lease_condition(lock->lease, arena);
    return arena_printf(arena,
                        "NOT pg_catalog.pg_try_advisory_xact_lock_shared("
                        "(%" PRId64 ")::pg_catalog.int8)",
                        (int64_t)lock->fence);
}

static const char *
lock_condition(const struct guard *guard, struct arena *arena)
{
    const char *lock = guard->has_lock ? condition_of(&guard->lock, arena) : "true";

    if (!guard->has_second)
        return lock;
    return arena_printf(arena, "%s AND %s", lock, condition_of(&guard->second, arena));
}

/* After a stray COMMIT the row is there, but of another transaction. */
static const char *
row_condition(const struct guard *guard, struct arena *arena)
{
    if (guard->row == GUARD_NO_ROW)
        return "true";
    if (guard->row == GUARD_TABLE)
        return arena_printf(arena, "EXISTS (SELECT 1 FROM %s) IS NOT NULL", guard->table);
    if (guard->row == GUARD_ROW_GONE)
        return arena_printf(arena,
                            "NOT EXISTS (SELECT 1 FROM %s r WHERE r.version = %" PRId64
                            ")",
                            guard->table, guard->version);
    return arena_printf(arena,
                        "EXISTS (SELECT 1 FROM %s r WHERE r.version = %" PRId64
                        " AND r.xmin = pg_catalog.pg_current_xact_id()::pg_catalog.xid)",
                        guard->table, guard->version);
}

const char *
guard_sql(const struct guard *guard, struct arena *arena)
{
    const char *lock = lock_condition(guard, arena);
    const char *row = row_condition(guard, arena);

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
