#include "pg/lock.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/digest.h"
#include "pg/blockers.h"
#include "pg/control.h"
#include "pg/exec.h"
#include "pg/polling.h"
#include "pg/pooler.h"

#define RELEASE_WITHIN 1000 /* ms; closing the connection frees it as well */

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
    uint64_t key;
    const char *sql;
};

static bool
try_lock(void *ctx, bool *had, struct error *err)
{
    struct attempt *a = ctx;
    PGresult *res;

    if (!exec_simple(&a->server->lock, a->sql, &res, err))
        return false;
    a->server->pinged = stop_now();
    *had = PQgetvalue(res, 0, 0)[0] == 't';
    PQclear(res);
    /* Who polls inside of a transaction hangs the holder's CONCURRENTLY (measured). */
    return *had || exec_rollback(&a->server->lock, err);
}

/* One round trip: behind a pooler the transaction stays open as long as the lock is held. */
static const char *
attempt_sql(const struct server *server, uint64_t key, uint64_t fence,
            struct arena *arena)
{
    const char *begin = "", *kind = "lock";

    if (server->pooled) {
        begin =
            arena_printf(arena,
                         "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;"
                         " SET LOCAL idle_in_transaction_session_timeout = 0;%s ",
                         server->version >= 170000 ? " SET LOCAL transaction_timeout = 0;"
                                                   : "");
        kind = "xact_lock";
    }
    return arena_printf(arena,
                        "%sSELECT CASE WHEN pg_catalog.pg_try_advisory_%s("
                        "(%" PRId64 ")::pg_catalog.int8)"
                        " THEN pg_catalog.pg_try_advisory_%s((%" PRId64
                        ")::pg_catalog.int8)"
                        " ELSE false END",
                        begin, kind, (int64_t)key, kind, (int64_t)fence);
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
    struct arena arena = { 0 };
    struct attempt attempt = { .server = server,
                               .key = key,
                               .sql = attempt_sql(server, key, fence, &arena) };
    struct polling polling = {
        .server = server, .attempt = try_lock, .say_holder = say_holder, .ctx = &attempt
    };
    bool ok = session_open(server, SESSION_LOCK, err) && polling_acquire(&polling, err) &&
              pooler_check_room(server, err);

    arena_release(&arena);
    return ok;
}

bool
lock_try(struct server *server, uint64_t key, uint64_t fence, bool *had,
         struct error *err)
{
    struct arena arena = { 0 };
    struct attempt attempt = { .server = server,
                               .key = key,
                               .sql = attempt_sql(server, key, fence, &arena) };
    bool ok = session_open(server, SESSION_LOCK, err) && try_lock(&attempt, had, err) &&
              (!*had || pooler_check_room(server, err));

    arena_release(&arena);
    return ok;
}

static void
unlock(struct session *lock)
{
    struct error err = { 0 };

    if (PQtransactionStatus(lock->conn) == PQTRANS_IDLE)
        exec_command(lock, "SELECT pg_catalog.pg_advisory_unlock_all()", NULL, &err);
    else
        exec_rollback(lock, &err);
}

/* A connection that is gone without a word would be waited for, and for ever. */
void
lock_release(struct server *server)
{
    struct stop *outer = server->stop, brief = { 0 };

    stop_limit(&brief, LIMIT_GRACE, RELEASE_WITHIN);
    server->stop = &brief;
    if (server->lock.conn != NULL && server->lock_lost == NULL)
        unlock(&server->lock);
    server->stop = outer;
    session_close(&server->lock);
}
