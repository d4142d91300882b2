/*
 * doubt.h - a connection was lost in the middle: what does the row say? (DESIGN 8)
 *
 * A lost connection does not tell whether COMMIT came through; the migration's row does.
 * luamig connects again, ends the backend that it lost, whose COMMIT may still be in its
 * socket, waits until it is gone, takes the run lock again, and reads the row.
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

/* Whether this run has done it: its row is there, or gone, and not by a rival's doing. */
bool doubt_was_ours(struct migrator *m, const struct content *content, bool *ours,
                    struct error *err);

/*
 * Settles it, for at most a minute; a migration that loses its connection again and again
 * is given up. The next attempt has all of the migration's time. DOUBT_FAILED with
 * err->in_doubt: what became of it is not known; the connection may stand again.
 */
enum doubt doubt_settle(struct migrator *m, const struct content *content,
                        struct error *err);

/*
 * The same where no migration is in doubt: connects again what was lost, and takes the run
 * lock again if it was held. false: *err is no such loss, or says why it failed.
 */
bool doubt_reconnect(struct migrator *m, struct error *err);

/* Before an undo: connected and locked, whatever was lost. */
bool doubt_recover(struct migrator *m, struct error *err);

#endif
