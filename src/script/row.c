#include "script/row.h"

#include <lauxlib.h>

#include "script/value.h"

/* Names of the columns, for a message: the keys of the table at index. */
static const char *
list_columns(lua_State *L, int index)
{
    int count = (int)lua_rawlen(L, index);
    luaL_Buffer names;

    luaL_buffinit(L, &names);
    for (int i = 1; i <= count; i++) {
        if (i > 1)
            luaL_addstring(&names, ", ");
        lua_rawgeti(L, index, i);
        luaL_addvalue(&names);
    }
    luaL_pushresult(&names);
    return lua_tostring(L, -1);
}

/* __index(row, key): only a column that is NULL may be absent. */
static int
missing(lua_State *L)
{
    int columns = lua_upvalueindex(1);

    lua_pushvalue(L, 2);
    if (lua_type(L, 2) == LUA_TSTRING && lua_rawget(L, columns) != LUA_TNIL)
        return 0;
    return luaL_error(L, "no column '%s' in this row: it has %s",
                      luaL_tolstring(L, 2, NULL), list_columns(L, columns));
}

/* The columns as a list and as a set. */
static void
push_columns(lua_State *L, const PGresult *res)
{
    int count = PQnfields(res);

    lua_createtable(L, count, count);
    for (int i = 0; i < count; i++) {
        lua_pushstring(L, PQfname(res, i));
        lua_pushvalue(L, -1);
        if (lua_rawget(L, -3) != LUA_TNIL)
            luaL_error(L, "two columns are named '%s': name one with AS",
                       PQfname(res, i));
        lua_pop(L, 1);
        lua_pushvalue(L, -1);
        lua_rawseti(L, -3, i + 1);
        lua_pushboolean(L, 1);
        lua_rawset(L, -3);
    }
}

/* The type of rows with the columns on top. */
static void
push_type(lua_State *L)
{
    int columns = lua_gettop(L);

    lua_createtable(L, 0, 2);
    lua_pushvalue(L, columns);
    lua_pushcclosure(L, missing, 1);
    lua_setfield(L, -2, "__index");
    lua_pushliteral(L, "locked");
    lua_setfield(L, -2, "__metatable");
    lua_remove(L, columns);
}

void
row_push_type(lua_State *L, const PGresult *res)
{
    push_columns(L, res);
    push_type(L);
}

void
row_push_type_of(lua_State *L, int names)
{
    int count = (int)lua_rawlen(L, names);

    lua_createtable(L, count, count);
    for (int i = 1; i <= count; i++) {
        lua_rawgeti(L, names, i);
        lua_pushvalue(L, -1);
        lua_rawseti(L, -3, i);
        lua_pushboolean(L, 1);
        lua_rawset(L, -3);
    }
    push_type(L);
}

void
row_push(lua_State *L, const PGresult *res, int row, int type)
{
    int count = PQnfields(res);

    lua_createtable(L, 0, count);
    for (int i = 0; i < count; i++) {
        if (PQgetisnull(res, row, i))
            continue;
        value_push(L, res, row, i);
        lua_setfield(L, -2, PQfname(res, i));
    }
    lua_pushvalue(L, type);
    lua_setmetatable(L, -2);
}
