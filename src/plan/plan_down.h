/*
 * plan_down.h - what `down` undoes: last applied first, ties by version, highest first
 */
#ifndef LUAMIG_PLAN_PLAN_DOWN_H
#define LUAMIG_PLAN_PLAN_DOWN_H

#include "plan/plan.h"

struct down_request {
    bool has_to, has_only, all;
    int64_t to;   /* all above it */
    int64_t only; /* this one, wherever it stands */
    size_t count; /* without to and all: the last count */
    bool plan_only;
    bool redo; /* the first half of one */
};

struct down_plan {
    struct plan_entry *steps; /* migration is NULL where the files are gone */
    size_t count;
};

/*
 * Pure. ERROR_USAGE: to is neither on disk nor applied, or count is 0. ERROR_PLAN: a
 * half-done version stands above what is to be undone.
 */
bool plan_down(const struct source *source, const struct applied_set *set,
               const struct down_request *request, struct arena *arena,
               struct down_plan *out, struct error *err);

#endif
