/*
 * together.h - several migrations in one transaction: dry runs and atomic ones
 */
#ifndef LUAMIG_ENGINE_TOGETHER_H
#define LUAMIG_ENGINE_TOGETHER_H

#include "engine/content.h"
#include "engine/migrator.h"

/* BEGIN, with a file's modes, or READ COMMITTED (modes NULL). */
bool together_begin(struct migrator *m, const char *modes, struct error *err);

/*
 * Runs one in the open transaction, with its row and the history's unless it is a dry run.
 * What COMMIT would refuse is refused here; afterwards the session is as DISCARD ALL would
 * leave it. The place of a failure is in *err; the transaction is then dead.
 */
bool together_run(struct migrator *m, const struct content *content, struct error *err);

/* The guard of the lock and of every row, COMMIT, and the session as it was. */
bool together_commit(struct migrator *m, const struct content *contents, size_t count,
                     struct error *err);

#endif
