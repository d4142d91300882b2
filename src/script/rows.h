/* rows.h - db:rows: a server-side cursor as an iterator, in constant memory */
#ifndef LUAMIG_SCRIPT_ROWS_H
#define LUAMIG_SCRIPT_ROWS_H

#include <lua.h>

#include "script/db.h"

/* Registers the cursor's type in a new state. */
void rows_register(lua_State *L);

/*
 * db:rows(sql, ...) -> what a generic for takes; closed by the loop's end, break and error.
 * Needs a transaction.
 */
int rows_open(lua_State *L);

/* Cursors younger than the serial are gone with what was rolled back. */
void rows_forget(struct db *db, unsigned long born);

#endif
