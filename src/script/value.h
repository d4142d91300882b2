/*
 * value.h - Lua's values and PostgreSQL's (DESIGN 9 "Values")
 *
 * NULL is the script global `null`, or an absent key in a row. Integers are exact to 64
 * bits, numeric is a string, bytea raw; arrays of common types are `array` tables, all
 * else is PostgreSQL's text.
 */
#ifndef LUAMIG_SCRIPT_VALUE_H
#define LUAMIG_SCRIPT_VALUE_H

#include <libpq-fe.h>
#include <lua.h>
#include <stdbool.h>

/* Registers the types in a new state. */
void value_open(lua_State *L);

void value_push_null(lua_State *L);
bool value_is_null(lua_State *L, int index);

/* Marks the table at index as an array, for PostgreSQL and JSON; or tells whether it is. */
void value_set_array(lua_State *L, int index);
bool value_is_array(lua_State *L, int index);

/* Sets null, array{...} and bytea(s) in the table on top. */
void value_set_globals(lua_State *L);

/* bytea(s), as a C function of Lua. */
int value_bytea(lua_State *L);

/* Pushes a column's value; NULL is nil. */
void value_push(lua_State *L, const PGresult *res, int row, int column);

/* Pushes what a type's text stands for; it ends in NUL. */
void value_push_text(lua_State *L, Oid type, const char *text, size_t len);

/*
 * The argument at index as PostgreSQL's text, NULL for NULL; it lives as long as its stack
 * slot, which may be replaced. What cannot be sent raises and says what to write.
 */
const char *value_param(lua_State *L, int index);

/* The same for any stack index; what cannot be sent is told in *why, else NULL. */
const char *value_text(lua_State *L, int index, const char **why);

#endif
