/*
 * batch.h - the steps of an `up`: one after another, or in one transaction; and back to the
 * start where the settings ask for that (on_failure)
 */
#ifndef LUAMIG_ENGINE_BATCH_H
#define LUAMIG_ENGINE_BATCH_H

#include "engine/event.h"
#include "engine/migrator.h"
#include "engine/survey.h"

/*
 * Applies every step of the survey's plan, which holds their contents, under the run lock
 * and whatever limits are set.
 * false: it failed; the summary has the outcome, *err the reason.
 */
bool batch_apply(struct migrator *m, const struct survey *survey,
                 struct run_summary *summary, struct error *err);

#endif
