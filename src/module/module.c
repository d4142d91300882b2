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
    value_push_null(L);
    lua_setfield(L, -2, "null");
    lua_pushcfunction(L, value_array);
    lua_setfield(L, -2, "array");
    lua_pushcfunction(L, value_bytea);
    lua_setfield(L, -2, "bytea");
    lua_pushliteral(L, LUAMIG_VERSION);
    lua_setfield(L, -2, "_VERSION");
    return 1;
}
