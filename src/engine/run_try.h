/* run_try.h - `luamig dry-run`: the pending migrations for real, and back */
#ifndef LUAMIG_ENGINE_RUN_TRY_H
#define LUAMIG_ENGINE_RUN_TRY_H

#include "base/stop.h"
#include "engine/event.h"
#include "plan/plan.h"
#include "plan/settings.h"

/*
 * Executes what the plan holds in one transaction, or each in one of its own, with what
 * COMMIT would refuse, and rolls back. Takes no run lock and creates nothing. Each is told
 * as EVENT_MIGRATION_TRIED; what cannot run in a transaction is not executed. The first
 * failure ends it. Returns true when the outcome is OUTCOME_DONE.
 */
bool run_try(const struct settings *settings, const struct plan_request *request,
             bool each, const struct observer *observer, struct stop *stop,
             struct arena *arena, struct run_summary *summary, struct error *err);

#endif
