#include "script/db.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/stop.h"
#include "plan/sqlplace.h"
#include "plan/sqlscan.h"
#include "script/raise.h"
#include "script/row.h"
#include "script/rows.h"
#include "script/tx.h"
#include "script/value.h"

#define DB_TYPE     "luamig.db"
#define RESULT_TYPE "luamig.result"
#define MAX_PARAMS  65535

struct db *
db_check(lua_State *L)
{
    struct db *db = luaL_checkudata(L, 1, DB_TYPE);
    struct error err;

    if (db->host == NULL)
        luaL_error(L, "db is used after its migration has ended");
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
    PGresult **res = luaL_checkudata(L, 1, RESULT_TYPE);

    PQclear(*res);
    *res = NULL;
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

struct db_call
db_read_call(lua_State *L, const char *method)
{
    struct db_call call = { .db = db_check(L), .method = method };
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

/* A call at work. */
struct execution {
    const struct db_call *call;
    struct arena arena;
    struct sql_statements statements;
    size_t at; /* 0-based */
    PGresult **res;
    struct error *err;
};

static bool
refuse(struct execution *x, const char *what, const char *hint)
{
    error_set(x->err, ERROR_SCRIPT, "%s through db:%s is refused", what, x->call->method);
    return error_hint(x->err, "%s", hint);
}

static const char transaction_hint[] =
    "luamig begins and ends transactions: db:transaction(fn) for one of its own, "
    "db:try(fn) to go on behind an error.";

/* What would take the transaction out of luamig's hands, or never end. */
static bool
check_class(struct execution *x, const struct sql_class *class)
{
    switch (class->kind) {
    case SQL_BEGIN: return refuse(x, "BEGIN", transaction_hint);
    case SQL_COMMIT: return refuse(x, "COMMIT", transaction_hint);
    case SQL_ROLLBACK: return refuse(x, "ROLLBACK", transaction_hint);
    case SQL_SAVEPOINT: return refuse(x, "SAVEPOINT", transaction_hint);
    case SQL_PREPARE_TRANSACTION:
        return refuse(x, "PREPARE TRANSACTION", transaction_hint);
    case SQL_ORDINARY:
    case SQL_SET_TRANSACTION:
    case SQL_SET_LOCAL:
    case SQL_SESSION:
    case SQL_TEMPORARY:
    case SQL_BLOCK:
    case SQL_OUTSIDE: break;
    }
    if (class->copy_in || class->copy_out)
        return refuse(x, class->copy_in ? "COPY FROM STDIN" : "COPY TO STDOUT",
                      "Use INSERT for writing, db:rows for reading.");
    if (class->bad_encoding || class->bad_strings)
        return refuse(x, "this setting",
                      "client_encoding and standard_conforming_strings are luamig's.");
    return true;
}

/* Where in the SQL it failed, and what the script's author cannot see in the message. */
static bool
explain(struct execution *x)
{
    const struct db_call *call = x->call;
    struct error *err = x->err;
    const struct sql_statement *s = &x->statements.list[x->at];
    size_t prefix = call->prefix != NULL ? strlen(call->prefix) : 0;
    struct sqlplace place = { .text = call->sql,
                              .size = call->length,
                              .offset = s->offset,
                              .length = s->length,
                              .body_line = err->body_line,
                              .bytes = call->db->host->work->server->bytes };

    if (err->kind != ERROR_SQL)
        return false;
    place.position = err->position > prefix ? err->position - prefix : 0;
    sqlplace_find(&place, &err->sql);
    err->sql.statement = x->at + 1;
    err->sql.statements = x->statements.count;
    if (strcmp(err->sqlstate, "08P01") == 0 || strcmp(err->sqlstate, "42P02") == 0)
        error_hint(err,
                   "db:%s was given %d arguments for $1..$n; DDL takes none: write its "
                   "values with db:quote_literal and db:quote_ident.",
                   call->method, call->params.count);
    return false;
}

/* In the open transaction, which the server must not have ended behind our back. */
static bool
run_inside(struct execution *x, const char *sql)
{
    struct db *db = x->call->db;
    struct session *work = db->host->work;

    if (!exec_query(work, sql, &x->call->params, x->res, x->err))
        return explain(x);
    if (PQtransactionStatus(work->conn) == PQTRANS_INTRANS)
        return true;
    db->stray = true;
    return error_set(x->err, ERROR_SQL, "a transaction command slipped through: %s",
                     PQcmdStatus(*x->res));
}

/* It had done nothing yet: 2D000, a DO or CALL that commits; 25001, a list is too short. */
static bool
must_run_outside(const struct error *err)
{
    return strcmp(err->sqlstate, "2D000") == 0 || strcmp(err->sqlstate, "25001") == 0;
}

static bool
run_outside(struct execution *x, const char *sql, const struct sql_class *class)
{
    const struct host *host = x->call->db->host;
    struct host_statement statement = { .sql = sql,
                                        .params = &x->call->params,
                                        .class = class };

    return host->outside(host->ctx, &statement, x->res, x->err) || explain(x);
}

/* In no-transaction mode a statement is a transaction of its own, if it can be. */
static bool
run_alone(struct execution *x, const char *sql, const struct sql_class *class)
{
    const struct host *host = x->call->db->host;
    struct error ignored = { 0 };

    if (class->kind == SQL_OUTSIDE)
        return run_outside(x, sql, class);
    if (!host->begin(host->ctx, x->err))
        return false;
    if (run_inside(x, sql) && host->commit(host->ctx, NULL, x->err))
        return true;
    if (!exec_rollback(host->work, &ignored) || !must_run_outside(x->err))
        return false;
    return run_outside(x, sql, class);
}

static bool
run_statement(struct execution *x)
{
    const struct db_call *call = x->call;
    const struct sql_statement *s = &x->statements.list[x->at];
    const char *sql =
        arena_printf(&x->arena, "%s%.*s", call->prefix != NULL ? call->prefix : "",
                     (int)s->length, call->sql + s->offset);
    struct sql_class class;

    PQclear(*x->res);
    *x->res = NULL;
    sqlkind_classify(call->sql + s->offset, s->length, &x->arena, &class);
    if (!check_class(x, &class))
        return false;
    return call->db->in_transaction ? run_inside(x, sql) : run_alone(x, sql, &class);
}

static bool
run_all(struct execution *x)
{
    const struct db_call *call = x->call;
    struct sql_class class;

    sqlkind_classify(call->sql, call->length, &x->arena, &class);
    if (class.copy_in) /* its data would be looked for */
        return check_class(x, &class);
    if (!sqlscan_split(call->sql, call->length, &x->arena, &x->statements, x->err)) {
        x->err->kind = ERROR_SCRIPT;
        x->err->sql = x->err->place;
        x->err->place = (struct error_place){ 0 };
        return false;
    }
    if (x->statements.count > 1 && (call->params.count > 0 || call->prefix != NULL)) {
        error_set(x->err, ERROR_SCRIPT, "%zu statements in one db:%s with arguments",
                  x->statements.count, call->method);
        return error_hint(x->err, "Call it once for each statement.");
    }
    for (; x->at < x->statements.count; x->at++) {
        if (!run_statement(x))
            return false;
    }
    return true;
}

/* A failure leaves the transaction dead, if there is one; it is remembered. */
static void
remember(struct db *db, const struct error *err)
{
    struct session *work = db->host->work;
    bool dead = work->lost || db->stray ||
                PQtransactionStatus(work->conn) == PQTRANS_INERROR ||
                err->kind == ERROR_SIGNAL || err->kind == ERROR_TIMEOUT ||
                err->kind == ERROR_LOCK;

    if (!dead || db->failed)
        return;
    db->failed = true;
    db->error = *err;
}

bool
db_execute(const struct db_call *call, PGresult **res, struct error *err)
{
    struct execution x = { .call = call, .res = res, .err = err };
    bool ok;

    stop_signals_shut();
    ok = run_all(&x);
    if (!ok)
        remember(call->db, err);
    stop_signals_open();
    arena_release(&x.arena);
    return ok;
}

bool
db_command(struct db *db, const char *sql, struct error *err)
{
    bool ok;

    stop_signals_shut();
    ok = exec_command(db->host->work, sql, NULL, err);
    if (!ok)
        remember(db, err);
    stop_signals_open();
    return ok;
}

/* Runs the call and raises what fails; its result is owned by the stack's top. */
static PGresult **
execute(lua_State *L, const char *method)
{
    struct db_call call = db_read_call(L, method);
    PGresult **res = db_push_result(L);
    struct error err = { 0 };

    if (!db_execute(&call, res, &err)) {
        raise_place(L, &call.db->error);
        raise_error(L, &err);
    }
    return res;
}

/* Now, not at the next collection. */
static void
clear(PGresult **res)
{
    PQclear(*res);
    *res = NULL;
}

/* db:exec(sql, ...) -> rows affected */
static int
db_exec(lua_State *L)
{
    PGresult **res = execute(L, "exec");

    lua_pushinteger(L, *res != NULL ? strtoll(PQcmdTuples(*res), NULL, 10) : 0);
    clear(res);
    return 1;
}

/* Runs a statement that has columns. */
static PGresult **
fetch(lua_State *L, const char *method)
{
    PGresult **res = execute(L, method);

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
    clear(res);
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
    clear(res);
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
    clear(res);
    return 1;
}

typedef char *(*escape_function)(PGconn *conn, const char *text, size_t len);

static int
memory_gc(lua_State *L)
{
    char **text = lua_touserdata(L, 1);

    PQfreemem(*text);
    *text = NULL;
    return 0;
}

/* libpq allocates the answer: the owner comes first. */
static int
quote(lua_State *L, escape_function escape)
{
    struct db *db = luaL_checkudata(L, 1, DB_TYPE);
    size_t len;
    const char *text = luaL_checklstring(L, 2, &len);
    char **owner = lua_newuserdatauv(L, sizeof(char *), 0);

    *owner = NULL;
    if (luaL_newmetatable(L, "luamig.memory")) {
        lua_pushcfunction(L, memory_gc);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
    luaL_argcheck(L, strlen(text) == len, 2, "holds a zero byte");
    if (db->host == NULL)
        luaL_error(L, "db is used after its migration has ended");
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
    luaL_newmetatable(L, DB_TYPE);
    luaL_newlib(L, methods);
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, no_method);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
    lua_setfield(L, -2, "__index");
    lua_pushliteral(L, "locked");
    lua_setfield(L, -2, "__metatable");
    luaL_newmetatable(L, RESULT_TYPE);
    lua_pushcfunction(L, result_gc);
    lua_setfield(L, -2, "__gc");
    lua_pop(L, 2);
    rows_register(L);
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

void
db_detach(struct db *db)
{
    db->host = NULL;
}
