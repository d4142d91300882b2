/*
 * backfills.h - backfills as their tables have them, for `luamig backfill`
 *
 * Nothing here takes a lock: a person only writes what is wanted, and the run at work heeds
 * it with its next batch (backfill/checkpoint).
 */
#ifndef LUAMIG_ENGINE_BACKFILLS_H
#define LUAMIG_ENGINE_BACKFILLS_H

#include "backfill/checkpoint.h"
#include "base/arena.h"
#include "base/error.h"
#include "base/stop.h"
#include "plan/settings.h"

enum backfill_order {
    ORDER_PAUSE,   /* up stops there, until it is resumed */
    ORDER_RESUME,  /* of a paused or cancelled one, from its cursor */
    ORDER_CANCEL,  /* as pause, but up fails there */
    ORDER_RESTART, /* from the start */
    ORDER_RETRY    /* rows that failed are tried again first */
};

/* "NAME" or "VERSION:NAME"; name NULL: all. */
struct backfill_request {
    const struct settings *settings;
    struct stop *stop;
    struct arena *arena;
    bool has_version;
    int64_t version;
    const char *name;
    size_t limit; /* of errors; 0: all */
};

struct backfills {
    const char *target; /* "app@db1" */
    struct checkpoint *list;
    size_t count;
    struct checkpoint_error *errors; /* backfills_errors(): of the one */
    size_t error_count;
    int64_t changed; /* backfills_order(): rows, or keys; 0: it was so already */
};

/*
 * All of them, or the one that is meant. Creates nothing and works on a standby.
 * ERROR_PLAN: there is none of that name, with those there are; ERROR_USAGE: several.
 */
bool backfills_look(const struct backfill_request *request, struct backfills *out,
                    struct error *err);

/* The rows that failed of the one that is meant, the oldest first. */
bool backfills_errors(const struct backfill_request *request, struct backfills *out,
                      struct error *err);

/*
 * Gives the order; out->list is how the one that is meant stood before. ERROR_PLAN as
 * above, and for one that is done, or whose migration is recorded.
 */
bool backfills_order(const struct backfill_request *request, enum backfill_order order,
                     struct backfills *out, struct error *err);

/* "42:phones" */
const char *backfills_label(const struct checkpoint *checkpoint, struct arena *arena);

#endif
