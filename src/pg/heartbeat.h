/*
 * heartbeat.h - a thread that keeps a lease alive
 *
 * It has a connection of its own and calls no Lua, so it goes on while the run sits in a
 * blocking call for a minute. It renews every sixth of the lease and looks every second
 * whether the lease is still ours; each is one short statement in autocommit. It shares
 * with the run what stands behind these functions, under a mutex; signals are blocked
 * in it.
 */
#ifndef LUAMIG_PG_HEARTBEAT_H
#define LUAMIG_PG_HEARTBEAT_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/stop.h"

struct heartbeat;

/* Texts live until heartbeat_stop(). Both statements answer with one row, or none. */
struct heartbeat_orders {
    const char *of;       /* in messages: "the run lock" */
    const char *greeting; /* sent first on a new connection; NULL: nothing */
    const char *renew;
    const char *look;
    int64_t lease;   /* ms */
    int64_t renewed; /* when the taking was sent, monotonic ms: it lasts from then on */
};

/*
 * Takes conn, nonblocking and idle, over. NULL with *err if there is no thread to be had;
 * conn is then still the caller's.
 */
struct heartbeat *heartbeat_start(PGconn *conn, const struct heartbeat_orders *orders,
                                  struct error *err);

/* Ends it, within half a second; the connection, to be finished, or NULL. */
PGconn *heartbeat_stop(struct heartbeat *heart);

/* Readable from the moment on in which the lease is lost. */
int heartbeat_descriptor(const struct heartbeat *heart);

/*
 * Why the lease is lost: the row is gone or another's, or it could not be renewed before
 * it expired by our own monotonic clock. NULL: it is not.
 */
const char *heartbeat_lost(struct heartbeat *heart);

/* Renews at once. false: the lease is lost, or there was a cause to stop. */
bool heartbeat_confirm(struct heartbeat *heart, const struct stop *stop);

#endif
