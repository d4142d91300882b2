/*
 * exchange.h - luamig's own statements that go out together, and the one that is wanted
 *
 * One round trip for a transaction behind a pooler: what it begins with, the statement
 * whose result is kept, what it ends with (pg/pooler).
 */
#ifndef LUAMIG_PG_EXCHANGE_H
#define LUAMIG_PG_EXCHANGE_H

#include "pg/exec.h"
#include "pg/session.h"
#include "pg/wait.h"

struct exchange {
    struct session *session;
    struct wait wait;
    bool sent;        /* everything so far */
    size_t at, syncs; /* what is answered next; answers to Syncs that are owed */
    size_t kept;      /* whose result is wanted, 0-based */
    PGresult *result; /* of it, good or bad */
    PGresult *failed; /* the first of the others that did not succeed */
    int first, last;  /* pids of the backend, as far as they were asked for */
};

struct exchange exchange_begin(struct session *session, size_t kept);
void exchange_say(struct exchange *exchange, const char *sql,
                  const struct pg_params *params);
void exchange_sync(struct exchange *exchange);

/* The answers so far are wanted at once. */
void exchange_hurry(struct exchange *exchange);

/*
 * Hears all answers and ends it; *res is the caller's. as_one: a failure of any statement
 * counts, else only the wanted one's. What follows that one is not cancelled any more.
 */
bool exchange_end(struct exchange *exchange, bool as_one, PGresult **res,
                  struct error *err);

#endif
