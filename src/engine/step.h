/* step.h - one step of a run, up or down: clocks, events, and what it makes of the run */
#ifndef LUAMIG_ENGINE_STEP_H
#define LUAMIG_ENGINE_STEP_H

#include "engine/content.h"
#include "engine/migrator.h"

struct step_place {
    size_t step, steps; /* "[2/5]" */
};

/*
 * Runs the content in its mode under its time limits, tells the observer, and counts it in
 * the summary. false: it failed; the summary has the outcome, *err the reason.
 */
bool step_run(struct migrator *m, const struct content *content, struct step_place place,
              struct run_summary *summary, struct error *err);

/* false if a signal, a limit or a lost lease says to stop; the summary then has the outcome. */
bool step_may_go_on(struct migrator *m, struct run_summary *summary, struct error *err);

/*
 * Ends a run that began at a monotonic time: gives the lock back, closes the connections,
 * tells EVENT_RUN_FINISHED with the error (NULL: none).
 */
void step_finish(struct migrator *m, struct run_summary *summary, int64_t began,
                 const struct error *err);

#endif
