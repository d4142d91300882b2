#include "script/tx.h"

#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "base/stop.h"
#include "script/db.h"
#include "script/raise.h"
#include "script/rows.h"

/* A savepoint, or a transaction of its own. */
struct scope {
    struct db *db;
    bool outermost;
    unsigned long born;
    const char *step; /* NULL: none */
};

static bool
savepoint(struct db *db, const char *verb, struct error *err)
{
    char sql[64];

    snprintf(sql, sizeof(sql), "%s luamig_%d", verb, db->savepoints);
    return execute_own(db, sql, err);
}

static bool
begin(struct scope *scope, struct error *err)
{
    struct db *db = scope->db;
    bool ok;

    scope->outermost = !db->in_transaction;
    db->settled = db->settled && !scope->outermost;
    scope->born = ++db->serial;
    if (!scope->outermost) {
        db->savepoints++;
        ok = savepoint(db, "SAVEPOINT", err);
        db->savepoints -= !ok;
        return ok;
    }
    stop_signals_shut();
    ok = db->in_transaction = db->host->begin(db->host->ctx, err);
    stop_signals_open();
    return ok;
}

/* An error that a pcall swallowed: there is nothing to commit. */
static bool
check_alive(const struct scope *scope, struct error *err)
{
    if (!scope->db->failed)
        return true;
    *err = scope->db->error;
    return false;
}

static bool
commit(struct scope *scope, struct error *err)
{
    struct db *db = scope->db;
    bool ok;

    if (!check_alive(scope, err))
        return false;
    if (!scope->outermost) {
        ok = savepoint(db, "RELEASE SAVEPOINT", err);
        db->savepoints -= ok;
        return ok;
    }
    stop_signals_shut();
    ok = db->host->commit(db->host->ctx, scope->step, err);
    stop_signals_open();
    if (ok)
        db->in_transaction = false;
    return ok;
}

static bool
is_end(const struct error *err)
{
    return err->kind == ERROR_SIGNAL || err->kind == ERROR_TIMEOUT ||
           err->kind == ERROR_CONNECT || err->kind == ERROR_LOCK;
}

/* What ends the run is not to be caught; its clean-up is the engine's. */
static bool
is_final(const struct scope *scope, const struct error *err)
{
    const struct db *db = scope->db;

    return db->stray || db->host->work->lost || (db->failed && is_end(&db->error)) ||
           (err != NULL && is_end(err));
}

static bool
rollback(struct scope *scope, struct error *err)
{
    struct db *db = scope->db;
    bool ok;

    rows_forget(db, scope->born);
    db->failed = false;
    if (!scope->outermost) {
        ok = savepoint(db, "ROLLBACK TO SAVEPOINT", err) &&
             savepoint(db, "RELEASE SAVEPOINT", err);
        db->savepoints--;
        return ok;
    }
    db->in_transaction = false;
    stop_signals_shut();
    ok = exec_rollback(db->host->work, err);
    stop_signals_open();
    return ok;
}

/* Pushes err as an object behind what is on the stack. */
static int
push_error(lua_State *L)
{
    return raise_error(L, lua_touserdata(L, 1));
}

/*
 * One attempt at the function at index fn with what stands behind it, of which a copy is
 * called. True: its results stand behind them. False: everything is rolled back, the error
 * stands on top.
 */
static bool
attempt(lua_State *L, struct scope *scope, int fn)
{
    struct error err = { 0 };
    int top = lua_gettop(L), status;

    luaL_checkstack(L, top - fn + 16, NULL);
    if (!begin(scope, &err))
        raise_error(L, &err);
    lua_pushcfunction(L, raise_handler);
    for (int i = fn; i <= top; i++)
        lua_pushvalue(L, i);
    scope->db->running++;
    status = lua_pcall(L, top - fn, LUA_MULTRET, top + 1);
    scope->db->running--;
    if (status == LUA_OK) {
        lua_remove(L, top + 1);
        if (commit(scope, &err))
            return true;
        lua_settop(L, top);
        lua_pushcfunction(L, push_error);
        lua_pushlightuserdata(L, &err);
        lua_pcall(L, 1, 0, 0);
    }
    if (is_final(scope, raise_caught(L, -1)))
        lua_error(L);
    err = (struct error){ 0 };
    if (!rollback(scope, &err))
        raise_error(L, &err);
    return false;
}

/* A transaction of its own gives way to a table lock, and is run again from its start. */
static bool
is_to_run_again(lua_State *L, const struct scope *scope)
{
    const struct host *host = scope->db->host;
    const struct error *caught = raise_caught(L, -1);
    struct error err;
    bool again;

    if (!scope->outermost || caught == NULL || host->again == NULL)
        return false;
    err = *caught;
    stop_signals_shut();
    again = host->again(host->ctx, &err);
    stop_signals_open();
    if (!again && err.kind != caught->kind)
        raise_error(L, &err);
    return again;
}

/*
 * Calls the function at index fn with what stands behind it, in the scope. True: its
 * results stand from fn on. False: everything is rolled back, the error stands at fn.
 */
static bool
run(lua_State *L, struct scope *scope, int fn)
{
    int top = lua_gettop(L);
    bool done = attempt(L, scope, fn);

    while (!done && is_to_run_again(L, scope)) {
        lua_settop(L, top);
        done = attempt(L, scope, fn);
    }
    if (!done) {
        lua_replace(L, fn);
        lua_settop(L, fn);
        return false;
    }
    for (int i = fn; i <= top; i++)
        lua_remove(L, fn);
    return true;
}

static struct db *
check_function(lua_State *L, int index)
{
    struct db *db = db_check(L);

    luaL_checktype(L, index, LUA_TFUNCTION);
    luaL_checkstack(L, 16, NULL);
    return db;
}

int
tx_transaction(lua_State *L)
{
    struct scope scope = { .db = check_function(L, 2) };

    if (!run(L, &scope, 2))
        return lua_error(L);
    return lua_gettop(L) - 1;
}

int
tx_try(lua_State *L)
{
    struct scope scope = { .db = check_function(L, 2) };
    bool done = run(L, &scope, 2);

    lua_pushboolean(L, done);
    lua_insert(L, 2);
    return lua_gettop(L) - 1;
}

/* The names of this run's steps and backfills: a table in the db's registry slot. */
void
tx_check_new(lua_State *L, struct db *db, const char *what, const char *name)
{
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, db) == LUA_TNIL) {
        lua_pop(L, 1);
        lua_newtable(L);
        lua_pushvalue(L, -1);
        lua_rawsetp(L, LUA_REGISTRYINDEX, db);
    }
    lua_pushfstring(L, "%s:%s", what, name);
    lua_pushvalue(L, -1);
    if (lua_rawget(L, -3) != LUA_TNIL)
        luaL_error(L, "db:%s: two %ss are named '%s'", what, what, name);
    lua_pop(L, 1);
    lua_pushboolean(L, 1);
    lua_rawset(L, -3);
    lua_pop(L, 1);
}

int
tx_step(lua_State *L)
{
    struct db *db = check_function(L, 3);
    struct scope scope = { .db = db, .step = luaL_checkstring(L, 2) };
    const struct host *host = db->host;

    luaL_argcheck(L, scope.step[0] != '\0', 2, "is empty");
    if (host->is_hook)
        luaL_error(L, "db:step is for migrations, not for hooks");
    if (host->in_transaction)
        luaL_error(L, "db:step needs `-- luamig: no-transaction` at the top of the file");
    if (db->in_transaction)
        luaL_error(L, "db:step inside of a step or transaction");
    lua_settop(L, 3);
    tx_check_new(L, db, "step", scope.step);
    if (host->has_step(host->ctx, scope.step))
        return 0;
    if (!run(L, &scope, 3))
        return lua_error(L);
    return 0;
}
