/*
 * outside.h - a statement that cannot run in a transaction block
 *
 * Whoever sends it, SQL file or script: the lock is asked for first, the clocks stand
 * still for what blocks nobody, and what a failed build leaves is dropped.
 */
#ifndef LUAMIG_ENGINE_OUTSIDE_H
#define LUAMIG_ENGINE_OUTSIDE_H

#include "engine/migrator.h"
#include "plan/sqlkind.h"

struct outside {
    struct migrator *m;
    const struct sql_class *class;
    struct arena *arena;
    bool timed; /* the file has a timeout of its own: its clock runs on */
    bool
        sweep; /* an invalid index of the name to be built is a leftover: drop it first */
    bool (*send)(void *ctx, struct error *err);
    void *ctx;
    bool *left; /* NULL, or told: an invalid index may be left */
};

bool outside_run(const struct outside *outside, struct error *err);

#endif
