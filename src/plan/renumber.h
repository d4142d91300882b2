/* renumber.h - timestamps to sequence: what `luamig fix` renames */
#ifndef LUAMIG_PLAN_RENUMBER_H
#define LUAMIG_PLAN_RENUMBER_H

#include <stdint.h>

#include "base/arena.h"
#include "plan/layers.h"

struct renaming {
    int64_t version;       /* that it had */
    const char *from, *to; /* paths */
};

struct renamings {
    struct renaming *list; /* by version, then by path */
    size_t count;
};

/*
 * A version of 14 digits (19700101000000 and more) gets the next number of the sequence
 * that the others form, in order, as wide as its highest (5 digits where there is none);
 * one version keeps one number in all layers. So no new name can be taken already.
 */
void renumber_plan(const struct layers *layers, struct arena *arena,
                   struct renamings *out);

#endif
