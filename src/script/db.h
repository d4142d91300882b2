/*
 * db.h - the `db` of a script: statements, their results and their errors
 *
 * Everything that talks to the server is C without Lua in it (db_execute), so that no
 * longjmp can pass it by; results are owned by userdata before they are filled.
 */
#ifndef LUAMIG_SCRIPT_DB_H
#define LUAMIG_SCRIPT_DB_H

#include <libpq-fe.h>
#include <lua.h>

#include "base/error.h"
#include "script/host.h"

struct cursor;

struct db {
    const struct host *host; /* NULL: its migration has ended */
    bool in_transaction;     /* one is open now */
    bool stray;              /* a transaction command got through to the server */
    bool failed;             /* the transaction is dead: error says of what */
    struct error error;
    int savepoints;         /* that are open */
    unsigned long serial;   /* counts savepoints and cursors, to tell which came first */
    struct cursor *cursors; /* open ones */
};

/* Registers the type `db` and the results' owner in a new state. */
void db_open(lua_State *L);

/* Pushes a new db. The pointer is good as long as the value is kept. */
struct db *db_push(lua_State *L, const struct host *host);

/* Ends the loan of the host: a script that kept db gets an error, not a dead pointer. */
void db_detach(struct db *db);

/* The db at index 1; raises if its migration has ended, or its transaction is dead. */
struct db *db_check(lua_State *L);

/* For other files: runs one statement of luamig's own in the script's transaction. */
bool db_command(struct db *db, const char *sql, struct error *err);

/* What a script asks for. */
struct db_call {
    struct db *db;
    const char *method; /* "exec", for messages */
    const char *prefix; /* goes before the SQL: "DECLARE ... FOR "; NULL: nothing */
    const char *sql;
    size_t length;
    struct pg_params params;
};

/* Reads SQL at index 2 and arguments behind it; raises for what cannot be sent. */
struct db_call db_read_call(lua_State *L, const char *method);

/* Runs it: several statements if there are no arguments. *res is the last one's; NULL: none. */
bool db_execute(const struct db_call *call, PGresult **res, struct error *err);

/* Pushes the owner of a result; what is stored in it is cleared with it. */
PGresult **db_push_result(lua_State *L);

#endif
