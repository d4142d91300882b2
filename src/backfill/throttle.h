/*
 * throttle.h - whether the next batch has to wait: for standbys that lag, and for sessions
 * that this one keeps waiting (DESIGN 9.1)
 *
 * Both are looked at once a second, on the control session. A standby's lag is what the
 * server says of it, or how long it has not replayed what was written at an earlier look:
 * replay_lag is NULL or stands still while nothing is replayed.
 */
#ifndef LUAMIG_BACKFILL_THROTTLE_H
#define LUAMIG_BACKFILL_THROTTLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "pg/session.h"

/* A standby, as it was at the last look. */
struct throttle_standby {
    const char *name;
    bool at_start; /* it was there when the backfill began */
    bool seen;     /* at the last look */
    int64_t mark,
        at;      /* a position written, and when it was seen (monotonic ms); 0: none */
    int64_t lag; /* ms */
};

/* Valid when zeroed but for server. */
struct throttle {
    struct server *server;
    int64_t limit; /* ms that a standby may lag; 0: standbys are not looked at */

    /*
     * Called before each part of a sleep, a second at most, with its reason; false with
     * *err: it is to end so. whom is what is waited for, without figures that change;
     * NULL: it is for a moment only.
     */
    bool (*asleep)(void *ctx, const char *whom, const char *reason, struct error *err);
    void *ctx;

    struct arena arena;
    struct throttle_standby *standbys;
    size_t count, capacity;
    int64_t looked, asked; /* monotonic ms: at standbys, for who waits */
    char waiting[256];     /* who was kept waiting; "" nobody */
    char whom[256], reason[256];
};

/*
 * The first look. *none: standbys are to be looked at and there are none. ERROR_SCRIPT:
 * the role may not see them.
 */
bool throttle_begin(struct throttle *throttle, bool *none, struct error *err);
void throttle_end(struct throttle *throttle);

/* In a batch's transaction, when it has all its locks: who waits for them? */
void throttle_ask(struct throttle *throttle);

/* Between batches, the last of which took so many ms: sleeps as long as there is cause. */
bool throttle_wait(struct throttle *throttle, int64_t took, struct error *err);

/* Of the standby that is most behind, in seconds; negative: not known. */
double throttle_lag(const struct throttle *throttle);

#endif
