/*
 * db.h - the `db` of a script: statements, their results and their errors
 *
 * What talks to the server is script/execute; results are owned by userdata before they
 * are filled, so that no longjmp can pass them by.
 */
#ifndef LUAMIG_SCRIPT_DB_H
#define LUAMIG_SCRIPT_DB_H

#include <libpq-fe.h>
#include <lua.h>

#include "base/error.h"
#include "script/execute.h"

#define DB_TYPE "luamig.db" /* its userdata begins with a struct db */

/* Registers the type `db` and the results' owner in a new state. */
void db_open(lua_State *L);

/* Pushes a new db. The pointer is good as long as the value is kept. */
struct db *db_push(lua_State *L, const struct host *host);

/* Ends the loan of the host: a script that kept db gets an error, not a dead pointer. */
void db_detach(struct db *db);

/*
 * After a script: whether its transaction is alive. What a pcall swallowed killed it all
 * the same; *err then says what.
 */
bool db_check_alive(const struct db *db, struct error *err);

/* The db at index 1; raises if it has ended, or its transaction is dead. */
struct db *db_check(lua_State *L);

/* Reads SQL at index 2 and arguments behind it; raises for what cannot be sent. */
struct call db_read_call(lua_State *L, const char *method);

/* Pushes the owner of a result; what is stored in it is cleared with it. */
PGresult **db_push_result(lua_State *L);

/* Clears it now: a finalizer that finds no memory for its call does not run. */
void db_drop_result(PGresult **res);

#endif
