/*
 * module.c - require "luamig", for plain lua5.4 and busted
 *
 * The engine runs in the host's process, scripts in Lua states of their own. Nothing is
 * printed, no signal is touched.
 */
#include <lauxlib.h>

#include "module/connection.h"
#include "module/scratch.h"
#include "module/surroundings.h"
#include "script/field.h"
#include "script/globals.h"
#include "script/raise.h"
#include "script/value.h"

__attribute__((visibility("default"))) int luaopen_luamig(lua_State *L);

int
luaopen_luamig(lua_State *L)
{
    static const luaL_Reg functions[] = {
        { "connect", connection_connect },
        { "scratch", scratch_new },
        { "globals", surroundings_globals },
        { "hooks", surroundings_hooks },
        { NULL, NULL },
    };

    luaL_checkversion(L);
    globals_open(L);
    raise_say_all(L);
    connection_register(L);
    scratch_register(L);
    surroundings_register(L);
    luaL_newlib(L, functions);
    value_set_globals(L);
    field_set_text(L, "_VERSION", LUAMIG_VERSION);
    return 1;
}
