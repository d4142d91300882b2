#include "script/execute.h"

#include <string.h>

#include "base/arena.h"
#include "base/stop.h"
#include "plan/sqlplace.h"
#include "plan/sqlscan.h"

/* A call at work. */
struct execution {
    const struct call *call;
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

/* Without a transaction of luamig's round all the script expects a session that stays. */
static bool
is_lost_behind_pooler(const struct db *db, const struct sql_class *class)
{
    if (!db->host->work->server->pooled || db->host->in_transaction)
        return false;
    if (class->kind == SQL_TEMPORARY)
        return !db->in_transaction;
    return class->kind == SQL_SESSION || class->outside == OUTSIDE_DISCARD_ALL;
}

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
    if (is_lost_behind_pooler(x->call->db, class))
        return refuse(x, "a setting of the session behind a pooler",
                      "The next statement may run in another session: use SET LOCAL "
                      "inside of db:transaction or db:step, or give luamig a direct "
                      "connection to the server.");
    if (class->copy_in || class->copy_out)
        return refuse(x, class->copy_in ? "COPY FROM STDIN" : "COPY TO STDOUT",
                      "Use db:copy_in and db:copy_out.");
    if (class->bad_encoding || class->bad_strings)
        return refuse(x, "this setting",
                      "client_encoding and standard_conforming_strings are luamig's.");
    return true;
}

/* Where in the SQL it failed, and what the script's author cannot see in the message. */
static bool
explain(struct execution *x)
{
    const struct call *call = x->call;
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

/* Strong locks are waited for briefly; a script's own SET lock_timeout wins. */
static bool
settle_timeout(struct execution *x, const struct sql_class *class)
{
    struct db *db = x->call->db;

    if (db->settled || (!class->ddl && !class->lock_timeout))
        return true;
    db->settled = true;
    return class->lock_timeout || db->host->before_ddl == NULL ||
           exec_command(db->host->work, db->host->before_ddl, NULL, x->err);
}

/* In the open transaction, which the server must not have ended behind our back. */
static bool
run_inside(struct execution *x, const char *sql, const struct sql_class *class)
{
    struct db *db = x->call->db;
    struct session *work = db->host->work;

    if (!settle_timeout(x, class))
        return false;
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

    if (host->outside != NULL)
        return host->outside(host->ctx, &statement, x->res, x->err) || explain(x);
    PQclear(*x->res);
    return exec_outside(host->work, sql, &x->call->params, x->res, x->err) || explain(x);
}

/* In no-transaction mode a statement is a transaction of its own, if it can be. */
static bool
run_alone(struct execution *x, const char *sql, const struct sql_class *class)
{
    const struct host *host = x->call->db->host;
    struct error ignored = { 0 };

    if (class->kind == SQL_OUTSIDE)
        return run_outside(x, sql, class);
    do {
        x->call->db->settled = false;
        if (!host->begin(host->ctx, x->err))
            return false;
        if (run_inside(x, sql, class) && host->commit(host->ctx, NULL, x->err))
            return true;
        if (!exec_rollback(host->work, &ignored))
            return false;
        if (must_run_outside(x->err))
            return run_outside(x, sql, class);
    } while (host->again != NULL && host->again(host->ctx, x->err));
    return false;
}

static bool
run_statement(struct execution *x)
{
    const struct call *call = x->call;
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
    return call->db->in_transaction ? run_inside(x, sql, &class)
                                    : run_alone(x, sql, &class);
}

static bool
run_all(struct execution *x)
{
    const struct call *call = x->call;
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
void
execute_failed(struct db *db, const struct error *err)
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
execute_call(const struct call *call, PGresult **res, struct error *err)
{
    struct execution x = { .call = call, .res = res, .err = err };
    bool ok;

    stop_signals_shut();
    ok = run_all(&x);
    if (!ok)
        execute_failed(call->db, err);
    stop_signals_open();
    arena_release(&x.arena);
    return ok;
}

bool
execute_own(struct db *db, const char *sql, struct error *err)
{
    bool ok;

    stop_signals_shut();
    ok = exec_command(db->host->work, sql, NULL, err);
    if (!ok)
        execute_failed(db, err);
    stop_signals_open();
    return ok;
}
