#include "script/backfill.h"

#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "backfill/backfill.h"
#include "base/stop.h"
#include "script/backfill_options.h"
#include "script/db.h"
#include "script/raise.h"
#include "script/row.h"
#include "script/rows.h"
#include "script/tx.h"
#include "script/value.h"
#include "script/vm.h"

/* Upvalues of the functions that Lua runs: all that they need but the rows. */
enum upvalue {
    UP_CALL = 1, /* light userdata: struct calling */
    UP_FUNCTION, /* map or each */
    UP_TYPE,     /* of rows */
    UP_COLUMNS,  /* names of key and read columns */
    UP_SETS,     /* names of set columns */
    UPVALUES = UP_SETS
};

/* A db:backfill at work. */
struct calling {
    lua_State *L;
    struct db *db;
    const struct backfill_spec *spec;
    const struct target *target; /* once it is found */
    int kept, function, worker;  /* stack indices */

    /* Of the call at hand. */
    const struct rows *rows;
    size_t first, last, at;
    struct changes *changes;
};

/* Which column of rows the nth name is: xmin stands between key and read. */
static size_t
column_of(const struct target *target, size_t n)
{
    return n < target->key_count ? n : n + 1;
}

/* Pushes a row; its names stand from index names on, its type at index type. */
static void
push_row(lua_State *L, const struct calling *c, size_t row, int names, int type)
{
    const struct target *t = c->target;
    size_t count = t->key_count + t->read_count;

    lua_createtable(L, 0, (int)count);
    for (size_t i = 0; i < count; i++) {
        size_t length, column = column_of(t, i);
        const char *text = rows_value(c->rows, row, column, &length);

        if (text == NULL)
            continue;
        lua_pushvalue(L, names + (int)i);
        value_push_text(L, c->rows->types[column], text, length);
        lua_rawset(L, -3);
    }
    lua_pushvalue(L, type);
    lua_setmetatable(L, -2);
}

/* Pushes all of a list's elements. */
static int
push_all(lua_State *L, int list)
{
    int first = lua_gettop(L) + 1, count = (int)lua_rawlen(L, list);

    luaL_checkstack(L, count + 20, "backfill");
    for (int i = 1; i <= count; i++)
        lua_rawgeti(L, list, i);
    return first;
}

/* A key of the result, on top, that set does not name. */
static bool
is_set(lua_State *L, const struct calling *c, int sets)
{
    for (size_t i = 0; i < c->target->set_count; i++) {
        if (lua_rawequal(L, -1, sets + (int)i))
            return true;
    }
    return false;
}

static void
check_keys(lua_State *L, const struct calling *c, int result, int sets)
{
    size_t count = 0;

    lua_pushnil(L);
    while (lua_next(L, result) != 0) {
        lua_pop(L, 1);
        count++;
    }
    if (count == c->target->set_count) /* each of which is there */
        return;
    lua_pushnil(L);
    while (lua_next(L, result) != 0) {
        lua_pop(L, 1);
        if (!is_set(L, c, sets))
            luaL_error(L, "map returned '%s', which set does not name",
                       luaL_tolstring(L, -1, NULL));
    }
}

/* What the column's type cannot mean; NULL: nothing is known against it. */
static const char *
mismatch(lua_State *L, int value, const struct target_column *column)
{
    if (lua_isboolean(L, value) && !column->boolean)
        return "is a boolean, for a column of type %s";
    if (lua_type(L, value) == LUA_TSTRING && column->bytea)
        return "is a string, for a column of type %s: wrap it in bytea(s)";
    if (value_is_array(L, value) && !column->array)
        return "is an array, for a column of type %s";
    return NULL;
}

static void
check_value(lua_State *L, int value, const struct target_column *column)
{
    const char *why = mismatch(L, value, column);

    if (why == NULL)
        return;
    lua_pushfstring(L, why, column->type);
    luaL_error(L, "map returned '%s', which %s", column->name, lua_tostring(L, -1));
}

/* Pushes the texts of the result's set columns; the result is on top. */
static void
push_texts(lua_State *L, const struct calling *c, int sets)
{
    int result = lua_gettop(L);

    for (size_t i = 0; i < c->target->set_count; i++) {
        const struct target_column *column = &c->target->sets[i];
        const char *why;
        int value = result + 1 + (int)i;

        lua_pushvalue(L, sets + (int)i);
        if (lua_rawget(L, result) == LUA_TNIL)
            luaL_error(L,
                       "map returned no '%s': write null for NULL, or return nil to "
                       "leave the row as it is",
                       column->name);
        check_value(L, value, column);
        value_text(L, value, &why);
        lua_settop(L, value);
        if (why != NULL)
            luaL_error(L, "map returned '%s', which %s", column->name, why);
    }
    check_keys(L, c, result, sets);
}

/* Nothing can fail from here on: a row is written whole or not at all. */
static void
add_change(lua_State *L, const struct calling *c, int result)
{
    changes_row(c->changes, c->rows, c->at);
    for (size_t i = 0; i < c->target->set_count; i++) {
        int value = result + 1 + (int)i;
        size_t length = 0;
        const char *text =
            lua_type(L, value) == LUA_TSTRING ? lua_tolstring(L, value, &length) : NULL;

        changes_value(c->changes, i, text, length);
    }
}

/* Runs map for the rows of the call; c->at is the row at hand. */
static int
map_rows(lua_State *L)
{
    struct calling *c = lua_touserdata(L, lua_upvalueindex(UP_CALL));
    int function = 1, type = 2, names, sets, top;

    lua_pushvalue(L, lua_upvalueindex(UP_FUNCTION));
    lua_pushvalue(L, lua_upvalueindex(UP_TYPE));
    names = push_all(L, lua_upvalueindex(UP_COLUMNS));
    sets = push_all(L, lua_upvalueindex(UP_SETS));
    top = lua_gettop(L);
    luaL_checkstack(L, (int)c->target->set_count + 20, "backfill");
    for (c->at = c->first; c->at < c->last; c->at++) {
        lua_pushvalue(L, function);
        push_row(L, c, c->at, names, type);
        lua_call(L, 1, 1);
        if (!lua_isnil(L, -1)) {
            if (!lua_istable(L, -1))
                luaL_error(L,
                           "map returned a %s: a table with every column of set, or "
                           "nil",
                           luaL_typename(L, -1));
            push_texts(L, c, sets);
            add_change(L, c, top + 1);
        }
        lua_settop(L, top);
    }
    return 0;
}

/* Pushes the row's key: a value, or of a composite one a table. */
static void
push_key(lua_State *L, const struct calling *c, int row, int names)
{
    size_t count = c->target->key_count;

    if (count == 1) {
        lua_pushvalue(L, names);
        lua_rawget(L, row);
        return;
    }
    lua_createtable(L, 0, (int)count);
    for (size_t i = 0; i < count; i++) {
        lua_pushvalue(L, names + (int)i);
        lua_pushvalue(L, names + (int)i);
        lua_rawget(L, row);
        lua_rawset(L, -3);
    }
}

/* each(batch), where batch = { rows =, first =, last = } */
static int
each_batch(lua_State *L)
{
    struct calling *c = lua_touserdata(L, lua_upvalueindex(UP_CALL));
    int type = 2, names, batch, rows;

    lua_pushvalue(L, lua_upvalueindex(UP_FUNCTION));
    lua_pushvalue(L, lua_upvalueindex(UP_TYPE));
    names = push_all(L, lua_upvalueindex(UP_COLUMNS));
    lua_pushvalue(L, 1);
    lua_createtable(L, 0, 3);
    batch = lua_gettop(L);
    lua_createtable(L, (int)c->rows->count, 0);
    rows = lua_gettop(L);
    for (size_t i = 0; i < c->rows->count; i++) {
        push_row(L, c, i, names, type);
        if (i == 0) {
            push_key(L, c, rows + 1, names);
            lua_setfield(L, batch, "first");
        }
        if (i + 1 == c->rows->count) {
            push_key(L, c, rows + 1, names);
            lua_setfield(L, batch, "last");
        }
        lua_rawseti(L, rows, (lua_Integer)i + 1);
    }
    lua_setfield(L, batch, "rows");
    lua_call(L, 1, 0);
    return 0;
}

/* Of the value on top. Without memory no handler runs, and a text is left. */
static void
take_error(lua_State *L, struct error *err)
{
    const struct error *raised = raise_caught(L, -1);

    if (raised != NULL) {
        *err = *raised;
        return;
    }
    error_set(err, ERROR_SCRIPT, "%s",
              lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "unknown error");
    snprintf(err->sqlstate, sizeof(err->sqlstate), "53200");
}

/* Calls the worker, protected. */
static bool
call_worker(struct calling *c, struct error *err)
{
    lua_State *L = c->L;
    int top = lua_gettop(L);
    bool ok;

    lua_pushcfunction(L, raise_handler);
    lua_pushvalue(L, c->worker);
    stop_signals_open();
    ok = lua_pcall(L, 0, 0, top + 1) == LUA_OK;
    stop_signals_shut();
    if (!ok)
        take_error(L, err);
    lua_settop(L, top);
    return ok;
}

static bool
map(void *ctx, const struct rows *rows, size_t first, size_t last,
    struct changes *changes, size_t *bad, struct error *err)
{
    struct calling *c = ctx;
    bool ok;

    c->rows = rows;
    c->first = first;
    c->last = last;
    c->at = first;
    c->changes = changes;
    c->db->mapping = true;
    ok = call_worker(c, err);
    c->db->mapping = false;
    *bad = c->at;
    return ok;
}

/* db is the batch's transaction, which the caller rolls back after a failure. */
static bool
each(void *ctx, const struct rows *rows, struct error *err)
{
    struct calling *c = ctx;
    struct db *db = c->db;
    unsigned long born = ++db->serial;
    bool ok;

    c->rows = rows;
    db->in_transaction = true;
    db->settled = false;
    ok = call_worker(c, err);
    if (ok && db->failed) {
        *err = db->error;
        ok = false;
    }
    rows_forget(db, born);
    db->in_transaction = db->failed = false;
    return ok && !db->stray;
}

static void
push_names(lua_State *L, const struct target_column *columns, size_t count)
{
    lua_Integer n = (lua_Integer)lua_rawlen(L, -1);

    for (size_t i = 0; i < count; i++) {
        lua_pushstring(L, columns[i].name);
        lua_rawseti(L, -2, ++n);
    }
}

/* The closure that runs the script's function; c->target is known. */
static int
make_worker(lua_State *L)
{
    struct calling *c = lua_touserdata(L, 1);
    const struct target *t = c->target;

    lua_pushlightuserdata(L, c);
    lua_pushvalue(L, 2);
    lua_newtable(L);
    push_names(L, t->keys, t->key_count);
    push_names(L, t->reads, t->read_count);
    row_push_type_of(L, lua_gettop(L));
    lua_insert(L, -2);
    lua_newtable(L);
    push_names(L, t->sets, t->set_count);
    lua_pushcclosure(L, c->spec->kind == BACKFILL_MAP ? map_rows : each_batch, UPVALUES);
    return 1;
}

static bool
found(void *ctx, const struct target *target, struct error *err)
{
    struct calling *c = ctx;
    lua_State *L = c->L;

    c->target = target;
    if (c->spec->kind == BACKFILL_SQL)
        return true;
    lua_pushcfunction(L, make_worker);
    lua_pushlightuserdata(L, c);
    lua_pushvalue(L, c->function);
    if (lua_pcall(L, 2, 1, 0) != LUA_OK) {
        take_error(L, err);
        return false;
    }
    lua_replace(L, c->worker);
    return true;
}

static struct backfill_env *
check_place(lua_State *L, const struct db *db)
{
    if (db->host->in_transaction)
        luaL_error(
            L, "db:backfill needs `-- luamig: no-transaction` at the top of the file");
    if (db->host->backfill == NULL)
        luaL_error(L, "db:backfill is for migrations: here is no record of how far it "
                      "came");
    if (db->in_transaction)
        luaL_error(L, "db:backfill inside of a step or transaction");
    return db->host->backfill;
}

int
backfill_call(lua_State *L)
{
    struct db *db = db_check(L);
    struct backfill_env *env = check_place(L, db);
    struct backfill_spec spec;
    struct calling c = { .L = L, .db = db, .spec = &spec };
    struct backfill_calls calls = { .ctx = &c, .map = map, .each = each, .found = found };
    struct error err = { 0 };
    bool ok;

    backfill_options(L, &spec);
    c.function = lua_gettop(L);
    tx_check_new(L, db, "backfill", spec.name);
    luaL_checkstack(L, 20, "backfill");
    lua_pushnil(L);
    c.worker = lua_gettop(L);
    stop_signals_shut();
    ok = backfill_run(env, &spec, &calls, &err);
    if (!ok && !db->failed) { /* a pcall must not make it look done */
        db->failed = true;
        db->error = err;
    }
    stop_signals_open();
    return ok ? 0 : raise_error(L, &err);
}
