/*
 * aside.h - the steps of `up --background`: each under a lock of its own, beside deploys
 */
#ifndef LUAMIG_ENGINE_ASIDE_H
#define LUAMIG_ENGINE_ASIDE_H

#include "engine/event.h"
#include "engine/migrator.h"
#include "engine/survey.h"

/*
 * Applies the steps of the survey's plan, which holds their contents, without the run lock
 * but for the moment in which a row is written. One that another run is at is left to it,
 * and said. false: one failed; the summary has the outcome, *err the reason.
 */
bool aside_apply(struct migrator *m, const struct survey *survey,
                 struct run_summary *summary, struct error *err);

#endif
