/* run_exec.h - `luamig exec`: scripts outside of the history */
#ifndef LUAMIG_ENGINE_RUN_EXEC_H
#define LUAMIG_ENGINE_RUN_EXEC_H

#include "base/stop.h"
#include "engine/event.h"
#include "plan/settings.h"

struct exec_request {
    const char *const *paths; /* files, and folders of migrations */
    size_t count;
    bool down; /* the other way round; of folders the downs */
};

/*
 * Runs the files in order under the run lock, each as its mode asks, and records nothing:
 * seeds, one-off fixes. The first failure ends it. Returns true when the outcome is
 * OUTCOME_DONE.
 */
bool run_exec(const struct settings *settings, const struct exec_request *request,
              const struct observer *observer, struct stop *stop, struct arena *arena,
              struct run_summary *summary, struct error *err);

#endif
