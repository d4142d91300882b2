/*
 * undo.h - a failed run goes back to its start (DESIGN 8, on_failure = rollback)
 */
#ifndef LUAMIG_ENGINE_UNDO_H
#define LUAMIG_ENGINE_UNDO_H

#include "engine/content.h"
#include "engine/event.h"
#include "engine/migrator.h"
#include "pg/indexes.h"

/* What this run did, and how each of it is undone. */
struct undo {
    struct migrator *m;
    const struct content *downs; /* of every step */
    const bool *mine;            /* per step: this run applied it */
    size_t failed;               /* the step that failed; all before it were at work */
    bool half_done;              /* it may have committed something */
    struct indexes before;       /* invalid indexes before the run */
};

/*
 * Undoes, with the downs, what the run applied, last first, the half-done one before all
 * others; exactly that, read under the run lock. Has a budget of its own, and goes on after
 * a signal; a second one ends the process with 9. Sets outcome, counts and fate of the
 * summary; *err, the run's error, is replaced where the undo fails.
 */
void undo_run(const struct undo *undo, struct run_summary *summary, struct error *err);

#endif
