#include "pg/lock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/digest.h"
#include "pg/blockers.h"
#include "pg/control.h"
#include "pg/exec.h"
#include "pg/wait.h"

#define FIRST_PAUSE 50
#define LAST_PAUSE  1000
#define SAY_EVERY   5000

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

static bool
try_lock(struct session *session, uint64_t key, uint64_t fence, bool *had,
         struct error *err)
{
    char first[32], second[32];
    PGresult *res;

    snprintf(first, sizeof(first), "%" PRId64, (int64_t)key);
    snprintf(second, sizeof(second), "%" PRId64, (int64_t)fence);
    if (!exec_query(session,
                    "SELECT CASE WHEN pg_catalog.pg_try_advisory_lock("
                    "$1::pg_catalog.int8)"
                    " THEN pg_catalog.pg_try_advisory_lock($2::pg_catalog.int8)"
                    " ELSE false END",
                    PG_PARAMS(first, second), &res, err))
        return false;
    *had = PQgetvalue(res, 0, 0)[0] == 't';
    PQclear(res);
    return true;
}

/* Who holds it, as far as control can tell. */
static void
say_holder(struct server *server, uint64_t key)
{
    struct session *control = control_get(server);
    struct arena arena = { 0 };
    const char *holder = NULL;
    struct error err = { 0 };

    if (server->patience.waiting == NULL)
        return;
    if (control != NULL)
        blockers_lock_holder(control, key, &arena, &holder, &err);
    server->patience.waiting(server->patience.ctx,
                             holder != NULL ? holder : "another run of luamig");
    arena_release(&arena);
}

/* 50 ms growing to 1 s, with jitter so that waiters do not poll in step. */
static int64_t
next_pause(int64_t pause)
{
    int64_t longer = pause * 3 / 2 < LAST_PAUSE ? pause * 3 / 2 : LAST_PAUSE;

    return longer * 3 / 4 + (int64_t)arc4random_uniform((uint32_t)(longer / 2));
}

bool
lock_acquire(struct server *server, uint64_t key, uint64_t fence, struct error *err)
{
    int64_t pause = FIRST_PAUSE, said = 0;
    bool had = false;

    if (!session_open(server, SESSION_LOCK, err))
        return false;
    for (;;) {
        enum stop_cause cause;

        if (!try_lock(&server->lock, key, fence, &had, err))
            return false;
        server->pinged = stop_now();
        if (had)
            return true;
        if ((cause = stop_cause(server->stop)) != STOP_NONE)
            return wait_cause_error(server->stop, cause, err);
        if (said == 0 || server->pinged - said >= SAY_EVERY) {
            say_holder(server, key);
            said = stop_now();
        }
        stop_poll(server->stop, NULL, 0, pause);
        pause = next_pause(pause);
    }
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
