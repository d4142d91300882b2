/*
 * execute.h - a script's statements on their way to the server
 *
 * C without Lua in it, so that no longjmp can pass it by.
 */
#ifndef LUAMIG_SCRIPT_EXECUTE_H
#define LUAMIG_SCRIPT_EXECUTE_H

#include <stdbool.h>

#include "base/error.h"
#include "script/host.h"

struct copy;
struct cursor;

/* What `db` is: the state of a script's transaction. */
struct db {
    const struct host *host; /* NULL: ended */
    const char *ended;       /* what is said then; NULL: that its migration has ended */
    bool in_transaction;     /* one is open now */
    bool stray;              /* a transaction command got through to the server */
    bool failed;             /* the transaction is dead: error says of what */
    struct error error;
    bool settled;         /* lock_timeout is what it is to be in this transaction */
    int savepoints;       /* that are open */
    int running;          /* functions of db:transaction and db:try that do */
    struct copy *copying; /* a COPY TO that is open: nothing else may be sent; or NULL */
    bool mapping;         /* a backfill's map runs: nothing may be sent */
    const char *folder;   /* that csv files are read below */
    unsigned long serial; /* counts savepoints and cursors, to tell which came first */
    struct cursor *cursors; /* open ones */
};

/* What a script asks for. */
struct call {
    struct db *db;
    const char *method; /* "exec", for messages */
    const char *prefix; /* goes before the SQL: "DECLARE ... FOR "; NULL: nothing */
    const char *sql;
    size_t length;
    struct pg_params params;
};

/*
 * Splits and runs it: several statements if there are no arguments. *res is the last one's,
 * or NULL where there is none. Transaction commands and COPY are refused; a failure that
 * leaves the transaction dead is kept in db->error.
 */
bool execute_call(const struct call *call, PGresult **res, struct error *err);

/* What a failure that was no execute_call()'s leaves of the transaction. */
void execute_failed(struct db *db, const struct error *err);

/* Runs one statement of luamig's own in the script's transaction. */
bool execute_own(struct db *db, const char *sql, struct error *err);

#endif
