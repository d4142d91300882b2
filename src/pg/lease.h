/*
 * lease.h - the run lock, lease mode: a row of <table>_lock that expires
 *
 * Only the server's clock counts. The row is taken by one atomic statement, kept by a
 * heartbeat, and stays when it is given back, with the outcome of the run. No transaction
 * and no lock outlives a statement here, so CREATE INDEX CONCURRENTLY has nothing to
 * wait for, and no backend has to stay the same.
 */
#ifndef LUAMIG_PG_LEASE_H
#define LUAMIG_PG_LEASE_H

#include "base/arena.h"
#include "pg/session.h"
#include "plan/settings.h"

#define LEASE_RUN "run" /* the name of the run lock's lease */

/* Texts in the arena that made it. */
struct lease {
    const struct table_name *of; /* the applied set's table */
    const char *table;           /* quoted, qualified: <table>_lock */
    const char *name;            /* needs no quoting */
    const char *token;           /* whose this is */
    int64_t ms;
};

struct lease lease_new(const struct settings *settings, const char *name,
                       struct arena *arena);

/*
 * Creates what is missing of schema and table (on work), opens server->lock and takes the
 * lease, waiting as polling_acquire() does; server->heartbeat then keeps it. *from, in the
 * arena: "pid 4711 on host db1, expired 12 s ago" if a dead run's was taken over, else
 * NULL.
 */
bool lease_acquire(struct server *server, const struct lease *lease, struct arena *arena,
                   const char **from, struct error *err);

/* One attempt, without waiting; *had false: somebody else holds it. */
bool lease_try(struct server *server, const struct lease *lease, struct arena *arena,
               bool *had, struct error *err);

/* Gives it back, if it is still ours, with the outcome; ends heartbeat and connection. */
void lease_release(struct server *server, const struct lease *lease, const char *outcome);

/* The SQL condition that it is held, for the guard. An old snapshot does not see it. */
const char *lease_condition(const struct lease *lease, struct arena *arena);

/* Whether it is held, asked by the heartbeat: it renews. ERROR_LOCK if it is lost. */
bool lease_confirm(struct server *server, struct error *err);

/* Why it is lost; NULL: it is not, or there is none. server->lock_lost then says so too. */
const char *lease_lost(struct server *server);

/* A row as it is shown; texts are never NULL but outcome and ended. */
struct lease_row {
    const char *name, *holder, *host, *pid, *token;
    const char *acquired, *expires; /* RFC 3339 in UTC */
    const char *outcome, *ended;    /* of the last run; NULL: it did not give it back */
    const char *state;              /* held, free, expired: its holder died */
    int64_t age, left;              /* ms since it was taken, until it expires */
};

/* The rows, or the one of a name (not NULL). */
bool lease_read(struct session *session, const char *table, const char *name,
                struct arena *arena, struct lease_row **rows, size_t *count,
                struct error *err);

/* "pid 4711 on host db1 (...)", and what the other backends of that run do. */
const char *lease_holder(struct session *session, const struct lease_row *row,
                         struct arena *arena);

/* Frees a held row as it was read; *freed false: it has changed since. */
bool lease_free(struct session *session, const char *table, const struct lease_row *row,
                bool *freed, struct error *err);

#endif
