/*
 * doubt.h - a connection was lost in the middle: what does the row say? (DESIGN 8)
 *
 * A lost connection does not tell whether COMMIT came through; the migration's row does.
 * luamig connects again, takes the run lock again, ends the backend that it lost, and reads
 * the row. Not there is not *yet*: the next attempt's INSERT waits on the key until that
 * backend has ended, and then says which.
 */
#ifndef LUAMIG_ENGINE_DOUBT_H
#define LUAMIG_ENGINE_DOUBT_H

#include "engine/content.h"
#include "engine/migrator.h"

enum doubt {
    DOUBT_DONE, /* it had been committed */
    DOUBT_AGAIN, /* connected and locked again: another attempt goes on from what is recorded */
    DOUBT_FAILED /* *err says why */
};

/* Whether a failure is a lost connection, or a lost run lock that can be had again. */
bool doubt_is(const struct migrator *m, const struct error *err);

/* Whether this run has done it: its row is there, or gone, and not by a rival's doing. */
bool doubt_was_ours(struct migrator *m, const struct content *content, bool *ours,
                    struct error *err);

/*
 * Settles it, for at most a minute; a migration that loses its connection again and again
 * is given up.
 */
enum doubt doubt_settle(struct migrator *m, const struct content *content,
                        struct error *err);

#endif
