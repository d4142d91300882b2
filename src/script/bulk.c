#include "script/bulk.h"

#include <lauxlib.h>
#include <string.h>

#include "script/db.h"
#include "script/raise.h"
#include "script/value.h"
#include "script/vm.h"

#define BUFFERS_TYPE "luamig.buffers"

struct buffers {
    size_t count;
    struct strbuf list[];
};

void
bulk_drop_buffers(struct strbuf *buffers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        strbuf_release(&buffers[i]);
}

static int
buffers_gc(lua_State *L)
{
    struct buffers *buffers = luaL_checkudata(L, 1, BUFFERS_TYPE);

    bulk_drop_buffers(buffers->list, buffers->count);
    return 0;
}

void
bulk_register(lua_State *L)
{
    static const luaL_Reg meta[] = { { "__gc", buffers_gc }, { NULL, NULL } };

    vm_new_type(L, BUFFERS_TYPE, meta);
}

struct strbuf *
bulk_push_buffers(lua_State *L, size_t count)
{
    size_t size = sizeof(struct buffers) + count * sizeof(struct strbuf);
    struct buffers *buffers = lua_newuserdatauv(L, size, 0);

    memset(buffers, 0, size);
    buffers->count = count;
    luaL_setmetatable(L, BUFFERS_TYPE);
    return buffers->list;
}

struct db *
bulk_check(lua_State *L, const char *method)
{
    struct db *db = db_check(L);

    luaL_checktype(L, 2, LUA_TTABLE);
    lua_settop(L, 2);
    luaL_checkstack(L, 40, method);
    if (!db->in_transaction)
        luaL_error(L,
                   "db:%s needs a transaction: use it inside of db:transaction or "
                   "db:step",
                   method);
    return db;
}

void
bulk_push_table_name(lua_State *L)
{
    if (lua_geti(L, 2, 1) == LUA_TNIL) {
        lua_pop(L, 1);
        lua_getfield(L, 2, "table");
    }
    if (lua_type(L, -1) != LUA_TSTRING)
        luaL_error(L, "no table is named: write { \"schema.table\", ... }");
}

PGresult **
bulk_query(lua_State *L, struct db *db, const char *sql, int first)
{
    const char *values[4] = { NULL };
    int count = lua_gettop(L) - first + 1;
    struct call call = { .db = db, .method = "query", .sql = sql, .length = strlen(sql) };
    PGresult **res;
    struct error err = { 0 };

    for (int i = 0; i < count && i < 4; i++)
        values[i] = value_param(L, first + i);
    call.params = (struct pg_params){ .count = count, .values = values };
    res = db_push_result(L);
    if (!execute_call(&call, res, &err)) {
        err.sql = (struct error_place){ 0 };
        raise_error(L, &err);
    }
    return res;
}

bool
bulk_next(lua_State *L, int rows, lua_Integer *n, const char *method)
{
    if (lua_isfunction(L, rows)) {
        lua_pushvalue(L, rows);
        lua_call(L, 0, 1);
    } else {
        lua_geti(L, rows, *n + 1);
    }
    (*n)++;
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        return false;
    }
    if (!lua_istable(L, -1))
        luaL_error(L, "db:%s: row %I is no table", method, (LUAI_UACINT)*n);
    return true;
}
