/*
 * run.h - `luamig up`: the order of a run (DESIGN 6)
 */
#ifndef LUAMIG_ENGINE_RUN_H
#define LUAMIG_ENGINE_RUN_H

#include "base/arena.h"
#include "base/error.h"
#include "base/stop.h"
#include "engine/event.h"
#include "plan/plan.h"
#include "plan/settings.h"

/*
 * Applies what the request asks for. Every step is told to the observer, EVENT_RUN_FINISHED
 * included; the error in *err is not printed by anybody else. Returns true when the outcome
 * is OUTCOME_DONE. summary->target and texts live in the arena.
 */
bool run_up(const struct settings *settings, const struct plan_request *request,
            const struct observer *observer, struct stop *stop, struct arena *arena,
            struct run_summary *summary, struct error *err);

#endif
