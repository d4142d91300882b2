/*
 * lock.h - the run lock, advisory mode
 *
 * A session lock on a connection of its own that from then on executes nothing but the
 * empty query: CREATE INDEX CONCURRENTLY never waits for it. It is polled for, never
 * waited for in the server: a waiting pg_advisory_lock() deadlocks with CREATE INDEX
 * CONCURRENTLY and leaves an invalid index (measured). Behind a pooler session locks are
 * not exclusive: there it is a transaction's, which stays open and idle.
 */
#ifndef LUAMIG_PG_LOCK_H
#define LUAMIG_PG_LOCK_H

#include <stdint.h>

#include "pg/session.h"
#include "plan/settings.h"

/* FNV-1a-64 of "schema.table", folded. */
uint64_t lock_key(const struct table_name *table);

/* The key of the fence that the holder takes too and nobody else knows (pg/guard). */
uint64_t lock_fence(const struct table_name *table, const char *run);

/*
 * Takes the lock, waiting for as long as server->stop allows; names the holder through
 * server->patience, at once and then every 5 s. ERROR_LOCK when lock_wait has passed.
 */
bool lock_acquire(struct server *server, uint64_t key, uint64_t fence, struct error *err);

/* One attempt, without waiting; *had false: somebody else holds it. */
bool lock_try(struct server *server, uint64_t key, uint64_t fence, bool *had,
              struct error *err);

/* Gives it back and ends its connection; within two seconds, whatever the server does. */
void lock_release(struct server *server);

#endif
