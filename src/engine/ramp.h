/*
 * ramp.h - waiting for table locks: many short attempts, never one long one (DESIGN 7)
 *
 * A queued ALTER stalls every reader behind it (measured: 3.3 s behind one old reader, 0.11 s
 * with a lock_timeout of 100 ms). So lock_timeout grows over the attempts, up to a little
 * more than deadlock_timeout, which autovacuum gives way to; between them nothing is queued.
 */
#ifndef LUAMIG_ENGINE_RAMP_H
#define LUAMIG_ENGINE_RAMP_H

#include "engine/content.h"
#include "engine/migrator.h"

/* Begins a migration: the first attempt, and lock_retry from now. */
void ramp_begin(struct migrator *m, const struct content *content);

/* Begins another attempt, which has all of the migration's time (migration_timeout). */
void ramp_attempt(struct migrator *m);

/*
 * Begins a part of a migration that runs in parts: it gives way by itself. lock_retry is
 * for all that gave way together; in the background, where a run may last for days, for each
 * part alone.
 */
void ramp_part(struct migrator *m, const struct content *content);

/* lock_timeout in ms for the attempt at hand: of what may take strong locks, or of rows. */
int64_t ramp_timeout(const struct migrator *m, const struct content *content, bool ddl);

/* Whether lock_timeout changes when the first DDL of a migration comes behind other things. */
bool ramp_is_on(const struct migrator *m, const struct content *content);

/*
 * After a failure of what is one transaction: whether it is worth another attempt. If so it
 * is rolled back, the blockers are told, and a pause outside the lock queue is over when it
 * returns. false: the failure stands; or the run was told to stop meanwhile, which *err then
 * says.
 */
bool ramp_again(struct migrator *m, const struct content *content, struct error *err);

#endif
