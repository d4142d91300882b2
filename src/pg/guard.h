/*
 * guard.h - the statement before COMMIT that fails when the lock or our row is gone
 *
 * COMMIT travels in the same pipeline as the migration, so no client can check the lock
 * before it (DESIGN 5). Every relation is qualified and the search_path must end in
 * pg_temp when it runs: a temporary table named pg_locks forged it (measured).
 */
#ifndef LUAMIG_PG_GUARD_H
#define LUAMIG_PG_GUARD_H

#include <stdint.h>

#include "base/arena.h"
#include "pg/session.h"

enum guard_row {
    GUARD_NO_ROW, /* the lock alone: statements mode */
    GUARD_ROW_IS  /* the row was written by this transaction and is still there */
};

struct guard {
    bool has_lock; /* false: lock = "none" */
    uint64_t key;
    int lock_pid;
    enum guard_row row;
    const char *table; /* quoted, qualified */
    int64_t version;
};

/* The SQL text; a guard that asks for nothing answers 1. In the arena. */
const char *guard_sql(const struct guard *guard, struct arena *arena);

/* Whether a lock's backend holds the key right now, asked on session. */
bool guard_lock_held(struct session *session, const struct guard *guard, bool *held,
                     struct error *err);

#endif
