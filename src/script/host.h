/*
 * host.h - what the engine does for a script
 *
 * Scripts know SQL and transactions; the run lock, the record and the events are the
 * engine's.
 */
#ifndef LUAMIG_SCRIPT_HOST_H
#define LUAMIG_SCRIPT_HOST_H

#include <libpq-fe.h>

#include "base/error.h"
#include "pg/exec.h"
#include "plan/sqlkind.h"

enum host_log {
    HOST_DEBUG,
    HOST_INFO,
    HOST_WARN
};

struct backfill_env;

/* A statement that a script wants to run outside of a transaction. */
struct host_statement {
    const char *sql;
    const struct pg_params *params;
    const struct sql_class *class;
};

struct host {
    void *ctx;
    struct session *work;
    bool is_hook;        /* nothing is recorded of it: it has no steps, no backfills */
    bool in_transaction; /* luamig's transaction is open as long as the script runs */
    const char
        *before_ddl; /* SET LOCAL for the first strong lock of a transaction; NULL */
    void (*log)(void *ctx, enum host_log level, const char *text);
    void (*waiting)(void *ctx, const char *text); /* for what, when it takes long; NULL */

    /* The rest is for in_transaction = false; all but has_step may be called many times. */

    /* BEGIN. */
    bool (*begin)(void *ctx, struct error *err);

    /* The lock checked, the step's name (NULL: none) recorded, COMMIT. */
    bool (*commit)(void *ctx, const char *step, struct error *err);

    /* Whether an earlier run has recorded that step. */
    bool (*has_step)(void *ctx, const char *step);

    /* After a rollback: whether the failure is about locks and worth another attempt; NULL: never. */
    bool (*again)(void *ctx, struct error *err);

    /* Runs what cannot run in a transaction; *res is the caller's to clear. NULL: as it is. */
    bool (*outside)(void *ctx, const struct host_statement *statement, PGresult **res,
                    struct error *err);

    /* For db:backfill; NULL: there is no record of how far one came. */
    struct backfill_env *backfill;
};

#endif
