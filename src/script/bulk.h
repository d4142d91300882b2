/*
 * bulk.h - what db:copy_in and db:update_many share: a table, its columns, rows by the many
 */
#ifndef LUAMIG_SCRIPT_BULK_H
#define LUAMIG_SCRIPT_BULK_H

#include <lua.h>
#include <stdbool.h>

#include "base/strbuf.h"
#include "script/execute.h"

/* Registers the owner of buffers in a new state. */
void bulk_register(lua_State *L);

/* Pushes count buffers that are released with their owner. */
struct strbuf *bulk_push_buffers(lua_State *L, size_t count);

/*
 * Releases them at once, as soon as they are not needed: a finalizer that has no memory to
 * run is lost.
 */
void bulk_drop_buffers(struct strbuf *buffers, size_t count);

/* The db at index 1 in an open transaction, and a table of options at index 2. */
struct db *bulk_check(lua_State *L, const char *method);

/* Pushes field name of the options, or its first element if name is "table". */
void bulk_push_table_name(lua_State *L);

/* Runs a query of luamig's own with the arguments at first..top as parameters. */
PGresult **bulk_query(lua_State *L, struct db *db, const char *sql, int first);

/*
 * Pushes the next of rows (a table or an iterator, at index rows); false at the end. n
 * counts from 0.
 */
bool bulk_next(lua_State *L, int rows, lua_Integer *n, const char *method);

#endif
