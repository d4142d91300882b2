/*
 * wait.h - waiting for the server without going deaf
 *
 * Every wait of luamig for a server ends up here: it lets signals in, keeps the time
 * limits, repeats a cancel until it has taken effect, pings and watches the lock's
 * connection, and gives server->watch its tick.
 */
#ifndef LUAMIG_PG_WAIT_H
#define LUAMIG_PG_WAIT_H

#include <stdbool.h>

#include "pg/session.h"

/* Begins a statement or pipeline, before it is sent: nothing has been cancelled yet. */
struct wait {
    struct session *session;
    bool linked;           /* a pooler has given us a backend: we are not in its queue */
    enum stop_cause cause; /* why it is being cancelled; STOP_NONE: it is not */
    bool lock_lost;        /* cancelled because the run lock is gone */
    bool deaf;             /* what runs now is not to be cancelled: it cleans up */
    int64_t cancelled;     /* monotonic ms of the first and of the last cancel */
    int64_t last_cancel;
    int64_t ticked;
};

struct wait wait_begin(struct session *session);

/*
 * Waits until the session's socket is ready for one of events (POLLIN, POLLOUT), or a
 * tick has passed, and takes in what came. false: the connection is lost
 * (session->lost is then set).
 */
bool wait_for(struct wait *wait, short events);

/*
 * Sends what libpq still holds, and waits until the next result can be had without
 * waiting. false: the connection is lost.
 */
bool wait_answer(struct wait *wait);

/*
 * If the wait was cancelled, makes the failure in *err say why: signal, limit, lock. To
 * be called with the error that the server answered. Always false.
 */
bool wait_error(const struct wait *wait, struct error *err);

/* ERROR_SIGNAL or ERROR_TIMEOUT for a cause, with the limit's name and the line to write. */
bool wait_cause_error(const struct stop *stop, enum stop_cause cause, struct error *err);

#endif
