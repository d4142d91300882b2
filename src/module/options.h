/* options.h - tables of options: an unknown name is an error with the nearest one */
#ifndef LUAMIG_MODULE_OPTIONS_H
#define LUAMIG_MODULE_OPTIONS_H

#include <lua.h>

#include "base/arena.h"
#include "plan/settings.h"

/*
 * Checks that every name in the table at index is one of known (NULL-terminated). nil is an
 * empty table, which then stands there; so is nothing, where index is behind the top. call names the function in messages.
 */
void options_check(lua_State *L, int index, const char *call, const char *const *known);

/*
 * The integer of field name of the table at index, 0 or more; false if it is not there.
 * Raises for anything else.
 */
bool options_integer(lua_State *L, int index, const char *call, const char *name,
                     lua_Integer *value);

/*
 * The settings in the table at index 1, by their names in luamig.lua (env for environments,
 * too); extra names are the caller's. Texts are in the arena.
 */
void options_settings(lua_State *L, const char *call, const char *const *extra,
                      struct arena *arena, struct settings *out);

#endif
