/*
 * pipeline.h - a row of statements that stand and fall together
 *
 * The transaction of a migration, luamig's own statements included, is one list. It goes
 * out as one libpq pipeline with one Sync, one round trip however long it is; a list with
 * COPY data goes statement by statement, because COPY is not possible in a pipeline.
 */
#ifndef LUAMIG_PG_PIPELINE_H
#define LUAMIG_PG_PIPELINE_H

#include <libpq-fe.h>

#include "base/error.h"
#include "pg/exec.h"
#include "pg/session.h"

struct pipeline_item {
    const char *sql; /* length bytes; borrowed until pipeline_run() returns */
    size_t length;
    const struct pg_params *params; /* or NULL */
    size_t statement;               /* the file's statement, 1-based; 0: luamig's own */
    int mark;                       /* the caller's: which of its own statements */
    bool flush;                     /* its answer is wanted at once */
    bool backend;                   /* it answers with the backend's pid */
    bool writable;                  /* a NUL may stand behind it for a moment */
    const char *copy_data;          /* for COPY ... FROM STDIN; NULL: none */
    size_t copy_length;
};

struct pipeline {
    struct session *session;
    const struct pipeline_item *items;
    size_t count;
    bool serial;    /* one Sync each; needed for COPY */
    size_t confirm; /* before this item is sent the lease is confirmed; 0: it is not */

    /*
     * Called with the last result of each item that succeeded (its rows are dropped).
     * Returns false with *err to fail the run at that item.
     */
    bool (*on_result)(void *ctx, size_t item, const PGresult *res, struct error *err);
    void *ctx;

    /* What came of it. */
    size_t sent;     /* items that may have reached the server */
    size_t answered; /* items that succeeded, in order from the first */
};

/*
 * Runs the items. On failure items[answered] is the one that failed (or was never
 * answered: session->lost), *err says how; the session is then in a failed block or idle,
 * see PQtransactionStatus. A COPY ... TO STDOUT is read and dropped.
 */
bool pipeline_run(struct pipeline *pipeline, struct error *err);

#endif
