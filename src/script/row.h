/* row.h - rows as strict tables: a name that is no column raises */
#ifndef LUAMIG_SCRIPT_ROW_H
#define LUAMIG_SCRIPT_ROW_H

#include <libpq-fe.h>
#include <lua.h>

/*
 * Pushes the type (a metatable) of a result's rows. Two columns of one name raise. An
 * absent key is NULL, or it is a typo, which must not write NULLs over a million rows.
 */
void row_push_type(lua_State *L, const PGresult *res);

/* The same for the names of columns in the list at index. */
void row_push_type_of(lua_State *L, int names);

/* Pushes a row; type is the stack index of its type. */
void row_push(lua_State *L, const PGresult *res, int row, int type);

#endif
