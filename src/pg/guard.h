/*
 * guard.h - the statement before COMMIT that fails when the lock or our row is gone
 *
 * COMMIT travels in the same pipeline as the migration, so no client can check the lock
 * before it (DESIGN 5). The backend that holds the run lock holds a second advisory lock
 * that only this run knows, the fence: whoever can get it shares no lock with a living
 * holder. That is one function call, where a scan of pg_locks cost 0.1 ms and more.
 * A lease is its row and token, read without FOR UPDATE: the heartbeat would wait for it.
 */
#ifndef LUAMIG_PG_GUARD_H
#define LUAMIG_PG_GUARD_H

#include <stdint.h>

#include "base/arena.h"
#include "pg/lease.h"
#include "pg/session.h"

enum guard_row {
    GUARD_NO_ROW,   /* the lock alone: statements mode */
    GUARD_ROW_IS,   /* the row was written by this transaction and is still there */
    GUARD_ROW_GONE, /* the row is not there */
    GUARD_TABLE     /* the table is there: a repeatable has no row in it */
};

/* A lock as the guard sees it: a lease, or (NULL) an advisory lock with this fence. */
struct guard_lock {
    const struct lease *lease;
    uint64_t fence;
};

struct guard {
    bool has_lock; /* false: lock = "none" */
    struct guard_lock lock;
    bool has_second; /* a second lock is held beside it */
    struct guard_lock second;
    enum guard_row row;
    const char *table; /* quoted, qualified */
    int64_t version;
};

/*
 * The SQL text, in the arena. It answers 1 or fails with 22P02. search_path must be
 * pg_catalog, pg_temp when it runs, so that no operator of the migration's is taken.
 */
const char *guard_sql(const struct guard *guard, struct arena *arena);

/* Whether the lock's backend still holds it, asked on session. */
bool guard_lock_held(struct session *session, const struct guard *guard, bool *held,
                     struct error *err);

#endif
