/* polling.h - asking for a lock again and again, never waiting for it in the server */
#ifndef LUAMIG_PG_POLLING_H
#define LUAMIG_PG_POLLING_H

#include "pg/session.h"

struct polling {
    struct server *server;
    bool (*attempt)(void *ctx, bool *had, struct error *err);
    void (*say_holder)(void *ctx); /* to server->patience, as far as it can be told */
    void *ctx;
};

/*
 * Attempts until the lock is had: after 50 ms, growing to 1 s, with jitter so that waiters
 * do not ask in step. The holder is said at once and then every 5 s. false: an attempt
 * failed, or server->stop has a cause (ERROR_LOCK when lock_wait has passed).
 */
bool polling_acquire(const struct polling *polling, struct error *err);

#endif
