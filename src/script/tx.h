/* tx.h - db:transaction, db:try, db:step */
#ifndef LUAMIG_SCRIPT_TX_H
#define LUAMIG_SCRIPT_TX_H

#include <lua.h>

#include "script/execute.h"

/* db:transaction(fn, ...) -> fn's results; raises after rolling back */
int tx_transaction(lua_State *L);

/* db:try(fn, ...) -> true, fn's results; or false, error */
int tx_try(lua_State *L);

/* db:step(name, fn): a transaction whose commit records the name; a later run skips it */
int tx_step(lua_State *L);

/* Raises if this run had a step or backfill (what) of that name before. */
void tx_check_new(lua_State *L, struct db *db, const char *what, const char *name);

#endif
