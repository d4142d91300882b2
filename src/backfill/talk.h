/*
 * talk.h - a pipeline that is fed and heard while its caller does other things
 *
 * pg/pipeline runs a list from first to last. Here statements are sent one by one, answers
 * are taken in whenever there are some, and the caller maps rows meanwhile. A signal leaves
 * what runs a second to end; then it is cancelled as everywhere.
 */
#ifndef LUAMIG_BACKFILL_TALK_H
#define LUAMIG_BACKFILL_TALK_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/stop.h"
#include "pg/exec.h"
#include "pg/wait.h"

#define TALK_MOST 32 /* statements of one talk */

struct patience;

struct talk {
    struct session *session;
    struct patience *patience; /* what a signal does; NULL: nothing of its own */

    /* Called with each row, and with the end of each statement (no rows). */
    void (*on_row)(void *ctx, int id, PGresult *res);
    void (*on_end)(void *ctx, int id, PGresult *res);
    void *ctx;

    bool failed; /* a statement, or the connection: error says how */
    struct error error;

    struct wait wait;
    int ids[TALK_MOST];
    size_t sent, answered;
    size_t syncs, synced;
    bool output_waits;
};

/* Fill session and the callbacks before; the session must be idle or in a transaction. */
void talk_begin(struct talk *talk);

/* Queues a statement; params may be NULL and are not needed afterwards. */
void talk_send(struct talk *talk, int id, const char *sql,
               const struct pg_params *params);

/* Answers to what was sent so far are wanted early. */
void talk_hurry(struct talk *talk);

/* Ends what belongs together. */
void talk_sync(struct talk *talk);

/* Takes in what came. Waits for something if wait; false: nothing more is to come. */
bool talk_hear(struct talk *talk, bool wait);

/* Whether the statement was answered, or never will be. */
bool talk_is_answered(const struct talk *talk, int id);

/* Hears the rest and leaves pipeline mode. false with *err: something failed. */
bool talk_end(struct talk *talk, struct error *err);

/* Until patience_end() a signal cancels what runs only when a second has passed. */
struct patience {
    struct stop stop;
    struct stop *outer;
    struct server *server;
};

void patience_begin(struct patience *patience, struct server *server);
void patience_end(struct patience *patience);

#endif
