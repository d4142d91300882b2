/* update_many.h - db:update_many: one UPDATE for many rows */
#ifndef LUAMIG_SCRIPT_UPDATE_MANY_H
#define LUAMIG_SCRIPT_UPDATE_MANY_H

#include <lua.h>

/*
 * db:update_many { table, key =, set =, rows = } -> rows updated. key and set are names or
 * arrays of names; rows an array or an iterator of tables with those keys, null for NULL.
 * Types come from the catalog. A key that stands twice in a batch raises.
 */
int update_many(lua_State *L);

#endif
