#include "script/db.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "pg/copy.h"
#include "script/backfill.h"
#include "script/bulk.h"
#include "script/copy.h"
#include "script/execute.h"
#include "script/raise.h"
#include "script/row.h"
#include "script/rows.h"
#include "script/tx.h"
#include "script/update_many.h"
#include "script/value.h"
#include "script/vm.h"

#define RESULT_TYPE "luamig.result"
#define MEMORY_TYPE "luamig.memory"
#define MAX_PARAMS  65535

/* The db at index 1, which has not ended. */
static struct db *
check_open(lua_State *L)
{
    struct db *db = luaL_checkudata(L, 1, DB_TYPE);

    if (db->host == NULL)
        luaL_error(L, "%s",
                   db->ended != NULL ? db->ended
                                     : "db is used after its migration has ended");
    return db;
}

struct db *
db_check(lua_State *L)
{
    struct db *db = check_open(L);
    struct error err;

    if (db->copying != NULL)
        luaL_error(L, "db cannot be used inside of a db:copy_out loop");
    if (db->mapping)
        luaL_error(L,
                   "db cannot be used inside of map: use each, or read what map needs");
    if (!db->failed)
        return db;
    err = db->error;
    if (err.kind == ERROR_SQL) {
        error_set(&err, ERROR_SCRIPT,
                  "the transaction is dead since a statement failed: %s",
                  db->error.message);
        error_hint(&err,
                   "pcall cannot bring it back; db:try(fn) can go on behind an error.");
    }
    raise_error(L, &err);
    return NULL;
}

static int
result_gc(lua_State *L)
{
    db_drop_result(luaL_checkudata(L, 1, RESULT_TYPE));
    return 0;
}

PGresult **
db_push_result(lua_State *L)
{
    PGresult **res = lua_newuserdatauv(L, sizeof(PGresult *), 0);

    *res = NULL;
    luaL_setmetatable(L, RESULT_TYPE);
    return res;
}

struct call
db_read_call(lua_State *L, const char *method)
{
    struct call call = { .db = db_check(L), .method = method };
    const char **values;

    call.sql = luaL_checklstring(L, 2, &call.length);
    luaL_argcheck(L, strlen(call.sql) == call.length, 2, "holds a zero byte");
    call.params.count = lua_gettop(L) - 2;
    luaL_argcheck(L, call.params.count <= MAX_PARAMS, 3, "too many arguments");
    luaL_checkstack(L, 16, method);
    for (int i = 0; i < call.params.count; i++)
        value_param(L, 3 + i);
    values = lua_newuserdatauv(L, sizeof(*values) * (size_t)(call.params.count + 1), 0);
    for (int i = 0; i < call.params.count; i++)
        values[i] = lua_isstring(L, 3 + i) ? lua_tostring(L, 3 + i) : NULL;
    call.params.values = values;
    return call;
}

/* Runs the call and raises what fails; its result is owned by the stack's top. */
static PGresult **
run_call(lua_State *L, const char *method)
{
    struct call call = db_read_call(L, method);
    PGresult **res = db_push_result(L);
    struct error err = { 0 };

    if (!execute_call(&call, res, &err)) {
        raise_place(L, &call.db->error);
        raise_error(L, &err);
    }
    return res;
}

void
db_drop_result(PGresult **res)
{
    PQclear(*res);
    *res = NULL;
}

/* db:exec(sql, ...) -> rows affected */
static int
db_exec(lua_State *L)
{
    PGresult **res = run_call(L, "exec");

    lua_pushinteger(L, *res != NULL ? strtoll(PQcmdTuples(*res), NULL, 10) : 0);
    db_drop_result(res);
    return 1;
}

/* Runs a statement that has columns. */
static PGresult **
fetch(lua_State *L, const char *method)
{
    PGresult **res = run_call(L, method);

    if (*res == NULL || PQnfields(*res) == 0)
        luaL_error(L, "db:%s: the statement returns no rows: use db:exec", method);
    return res;
}

/* db:query(sql, ...) -> array of rows */
static int
db_query(lua_State *L)
{
    PGresult **res = fetch(L, "query");
    int type, count = PQntuples(*res);

    row_push_type(L, *res);
    type = lua_gettop(L);
    lua_createtable(L, count, 0);
    for (int i = 0; i < count; i++) {
        row_push(L, *res, i, type);
        lua_rawseti(L, -2, i + 1);
    }
    db_drop_result(res);
    return 1;
}

static void
check_one(lua_State *L, const PGresult *res, const char *method)
{
    if (PQntuples(res) > 1)
        luaL_error(L, "db:%s: %d rows where at most one was expected: use db:query",
                   method, PQntuples(res));
}

/* db:one(sql, ...) -> row or nil */
static int
db_one(lua_State *L)
{
    PGresult **res = fetch(L, "one");

    check_one(L, *res, "one");
    row_push_type(L, *res);
    if (PQntuples(*res) == 0)
        lua_pushnil(L);
    else
        row_push(L, *res, 0, lua_gettop(L));
    db_drop_result(res);
    return 1;
}

/* db:value(sql, ...) -> value or nil */
static int
db_value(lua_State *L)
{
    PGresult **res = fetch(L, "value");

    check_one(L, *res, "value");
    if (PQnfields(*res) != 1)
        luaL_error(L, "db:value: %d columns where one was expected: use db:one",
                   PQnfields(*res));
    if (PQntuples(*res) == 0)
        lua_pushnil(L);
    else
        value_push(L, *res, 0, 0);
    db_drop_result(res);
    return 1;
}

typedef char *(*escape_function)(PGconn *conn, const char *text, size_t len);

static int
memory_gc(lua_State *L)
{
    char **text = luaL_checkudata(L, 1, MEMORY_TYPE);

    PQfreemem(*text);
    *text = NULL;
    return 0;
}

/* libpq allocates the answer: the owner comes first. */
static int
quote(lua_State *L, escape_function escape)
{
    struct db *db = check_open(L);
    size_t len;
    const char *text = luaL_checklstring(L, 2, &len);
    char **owner = lua_newuserdatauv(L, sizeof(char *), 0);

    *owner = NULL;
    luaL_setmetatable(L, MEMORY_TYPE);
    luaL_argcheck(L, strlen(text) == len, 2, "holds a zero byte");
    *owner = escape(db->host->work->conn, text, len);
    if (*owner == NULL)
        luaL_error(L, "cannot be quoted: %s", PQerrorMessage(db->host->work->conn));
    lua_pushstring(L, *owner);
    PQfreemem(*owner);
    *owner = NULL;
    return 1;
}

/* db:quote_ident(name) -> text for DDL */
static int
db_quote_ident(lua_State *L)
{
    return quote(L, PQescapeIdentifier);
}

/* db:quote_literal(text) -> text for DDL */
static int
db_quote_literal(lua_State *L)
{
    return quote(L, PQescapeLiteral);
}

static const luaL_Reg methods[] = {
    { "exec", db_exec },
    { "query", db_query },
    { "one", db_one },
    { "value", db_value },
    { "rows", rows_open },
    { "copy_in", copy_in },
    { "copy_out", copy_out },
    { "update_many", update_many },
    { "backfill", backfill_call },
    { "transaction", tx_transaction },
    { "try", tx_try },
    { "step", tx_step },
    { "quote_ident", db_quote_ident },
    { "quote_literal", db_quote_literal },
    { NULL, NULL },
};

static int
no_method(lua_State *L)
{
    return luaL_error(L, "db has no method '%s'", luaL_tolstring(L, 2, NULL));
}

void
db_open(lua_State *L)
{
    static const luaL_Reg nothing[] = { { NULL, NULL } };
    static const luaL_Reg result_meta[] = { { "__gc", result_gc }, { NULL, NULL } };
    static const luaL_Reg memory_meta[] = { { "__gc", memory_gc }, { NULL, NULL } };

    vm_new_type(L, RESULT_TYPE, result_meta);
    vm_new_type(L, MEMORY_TYPE, memory_meta);
    vm_new_type(L, DB_TYPE, nothing);
    luaL_getmetatable(L, DB_TYPE);
    luaL_newlib(L, methods);
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, no_method);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
    rows_register(L);
    copy_register(L);
    bulk_register(L);
}

struct db *
db_push(lua_State *L, const struct host *host)
{
    struct db *db = lua_newuserdatauv(L, sizeof(*db), 0);

    memset(db, 0, sizeof(*db));
    db->host = host;
    db->in_transaction = host->in_transaction;
    luaL_setmetatable(L, DB_TYPE);
    return db;
}

bool
db_check_alive(const struct db *db, struct error *err)
{
    if (!db->failed)
        return true;
    *err = db->error;
    if (err->hint[0] == '\0')
        error_hint(err, "The script went on behind it, but its transaction was dead; "
                        "db:try(fn) can go on behind an error.");
    return false;
}

void
db_detach(struct db *db)
{
    if (db->copying != NULL) /* its loop had no time to begin */
        copy_abandon(db->copying);
    db->copying = NULL;
    db->host = NULL;
}
