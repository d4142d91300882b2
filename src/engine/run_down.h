/* run_down.h - `luamig down` */
#ifndef LUAMIG_ENGINE_RUN_DOWN_H
#define LUAMIG_ENGINE_RUN_DOWN_H

#include "base/stop.h"
#include "engine/event.h"
#include "plan/plan_down.h"
#include "plan/settings.h"

/*
 * Undoes what the request asks for, each in a transaction with its row (or statement by
 * statement, as its down asks); the first failure ends it. A version without a down, or
 * that says it is irreversible, refuses the run before anything. Where the files are gone
 * the history's text is taken. With plan_only each step is told as EVENT_STEP_PLANNED, and
 * nothing is changed. Returns true when the outcome is OUTCOME_DONE.
 */
bool run_down(const struct settings *settings, const struct down_request *request,
              const struct observer *observer, struct stop *stop, struct arena *arena,
              struct run_summary *summary, struct error *err);

#endif
