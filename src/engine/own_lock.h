/*
 * own_lock.h - the lock of a background migration's own, and a second lock beside the first
 *
 * A background run holds the lock of the one version that it applies, and takes the run
 * lock for the moment in which it writes the row: neither holds up a deploy nor waits for
 * one meanwhile. A run in the foreground takes the version's lock beside the run lock.
 * The second lock has connections of its own: who polls inside a transaction, as behind a
 * pooler, would hang the other's CREATE INDEX CONCURRENTLY (DESIGN 9.1).
 */
#ifndef LUAMIG_ENGINE_OWN_LOCK_H
#define LUAMIG_ENGINE_OWN_LOCK_H

#include "engine/migrator.h"

/*
 * Makes the version's lock the migrator's, and tries it once. Had by another: *holder says
 * by whom, in the migrator's arena; else it is NULL.
 */
bool own_lock_try(struct migrator *m, const struct migration *migration,
                  const char **holder, struct error *err);

/* In a background run: the run lock beside the version's, waited for; else nothing. */
bool own_lock_before_row(struct migrator *m, struct error *err);

/*
 * In any other run: the version's lock beside the run lock. ERROR_LOCK: a background run
 * has it.
 */
bool own_lock_beside(struct migrator *m, const struct migration *migration,
                     struct error *err);

/* Gives the second lock back, if there is one. */
void own_lock_end_second(struct migrator *m, const char *outcome);

#endif
