/* copy.h - db:copy_in and db:copy_out: constant memory for any size */
#ifndef LUAMIG_SCRIPT_COPY_H
#define LUAMIG_SCRIPT_COPY_H

#include <lua.h>

/* Registers the reader's type in a new state. */
void copy_register(lua_State *L);

/*
 * db:copy_in { table, columns =, rows = } or { table, columns =, csv = path, header =,
 * null = } -> rows. rows is an array or an iterator of arrays; they go out in COPYs of
 * about 1 MB, so that an iterator may use db. A csv file is the server's to parse.
 */
int copy_in(lua_State *L);

/*
 * db:copy_out(sql) -> iterator of arrays of texts, null where NULL; closed by the loop's
 * end, break and error. Inside the loop db raises.
 */
int copy_out(lua_State *L);

#endif
