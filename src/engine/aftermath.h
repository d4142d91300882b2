/*
 * aftermath.h - what follows an attempt: the session clean again, the attempt recorded,
 * the error told in words that help
 */
#ifndef LUAMIG_ENGINE_AFTERMATH_H
#define LUAMIG_ENGINE_AFTERMATH_H

#include "engine/content.h"
#include "engine/migrator.h"

#define AFTERMATH_GRACE 5000 /* ms that cleaning up may take */

/* In the history: "up", "down", "repeat". */
const char *aftermath_action(const struct content *content);

/* "up" or "down". */
const char *aftermath_direction(const struct content *content);

/*
 * After a failed attempt: ROLLBACK if the block failed, DISCARD ALL and the settings (a
 * PREPARE and a session lock survive ROLLBACK, measured). A session that cannot be cleaned
 * is marked lost.
 */
void aftermath_clean(struct migrator *m);

/* The same in time of its own, whatever stopped the run. */
void aftermath_reset(struct migrator *m);

/*
 * Adds what luamig knows better than the server: 25001, 55P04; 55P03 and who was in the way;
 * of a lost connection how one finds out what happened, if that is in doubt.
 */
void aftermath_explain(struct migrator *m, const struct content *content,
                       struct error *err);

/* The guard's own words are for the server's log: says who took the lock. */
void aftermath_explain_guard(struct migrator *m, struct error *err);

/*
 * The lease is lost and something of a migration that runs in parts stays: another run may
 * be at it.
 */
bool aftermath_is_half_done(struct migrator *m, const struct content *content,
                            struct error *err);

/* Writes the failure's history row; it is not essential: its own failure is a notice. */
void aftermath_record(struct migrator *m, const struct content *content, size_t statement,
                      const struct error *err);

#endif
