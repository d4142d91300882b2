#include "pg/lock.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/digest.h"
#include "pg/blockers.h"
#include "pg/control.h"
#include "pg/exec.h"
#include "pg/polling.h"

uint64_t
lock_key(const struct table_name *table)
{
    struct arena arena = { 0 };
    uint64_t key =
        digest_fnv1a(arena_printf(&arena, "%s.%s", table->schema, table->name));

    arena_release(&arena);
    return key;
}

uint64_t
lock_fence(const struct table_name *table, const char *run)
{
    struct arena arena = { 0 };
    uint64_t key =
        digest_fnv1a(arena_printf(&arena, "%s.%s:%s", table->schema, table->name, run));

    arena_release(&arena);
    return key;
}

struct attempt {
    struct server *server;
    uint64_t key, fence;
};

static bool
try_lock(void *ctx, bool *had, struct error *err)
{
    struct attempt *a = ctx;
    char first[32], second[32];
    PGresult *res;

    snprintf(first, sizeof(first), "%" PRId64, (int64_t)a->key);
    snprintf(second, sizeof(second), "%" PRId64, (int64_t)a->fence);
    if (!exec_query(&a->server->lock,
                    "SELECT CASE WHEN pg_catalog.pg_try_advisory_lock("
                    "$1::pg_catalog.int8)"
                    " THEN pg_catalog.pg_try_advisory_lock($2::pg_catalog.int8)"
                    " ELSE false END",
                    PG_PARAMS(first, second), &res, err))
        return false;
    a->server->pinged = stop_now();
    *had = PQgetvalue(res, 0, 0)[0] == 't';
    PQclear(res);
    return true;
}

/* Who holds it, as far as control can tell. */
static void
say_holder(void *ctx)
{
    struct attempt *a = ctx;
    struct session *control = control_get(a->server);
    struct arena arena = { 0 };
    const char *holder = NULL;
    struct error err = { 0 };

    if (control != NULL)
        blockers_lock_holder(control, a->key, &arena, &holder, &err);
    a->server->patience.waiting(a->server->patience.ctx,
                                holder != NULL
                                    ? arena_printf(&arena, "%s, held by %s",
                                                   a->server->lock_name, holder)
                                    : "another run of luamig");
    arena_release(&arena);
}

bool
lock_acquire(struct server *server, uint64_t key, uint64_t fence, struct error *err)
{
    struct attempt attempt = { .server = server, .key = key, .fence = fence };
    struct polling polling = {
        .server = server, .attempt = try_lock, .say_holder = say_holder, .ctx = &attempt
    };

    return session_open(server, SESSION_LOCK, err) && polling_acquire(&polling, err);
}

bool
lock_try(struct server *server, uint64_t key, uint64_t fence, bool *had,
         struct error *err)
{
    struct attempt attempt = { .server = server, .key = key, .fence = fence };

    return session_open(server, SESSION_LOCK, err) && try_lock(&attempt, had, err);
}

void
lock_release(struct server *server)
{
    struct error err = { 0 };

    if (server->lock.conn != NULL && server->lock_lost == NULL &&
        PQtransactionStatus(server->lock.conn) == PQTRANS_IDLE)
        exec_command(&server->lock, "SELECT pg_catalog.pg_advisory_unlock_all()", NULL,
                     &err);
    session_close(&server->lock);
}
