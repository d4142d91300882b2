#include "pg/pooler.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "pg/exchange.h"
#include "pg/wait.h"

#define ROOM_WITHIN 5000 /* ms */

/* A role may have other defaults; one that stands alone has no BEGIN to overrule them. */
static const struct {
    int since; /* server version */
    const char *name, *value;
} wanted[] = {
    { 0, "lock_timeout", "0" },
    { 0, "statement_timeout", "0" },
    { 170000, "transaction_timeout", "0" },
    { 0, "default_transaction_read_only", "off" },
    { 0, "default_transaction_isolation", "read committed" },
    { 0, "default_transaction_deferrable", "off" },
};
#define WANTED (sizeof(wanted) / sizeof(wanted[0]))

/* What a client may have brought, and a pooler gives each backend that it lends us. */
static const char *const brought[] = {
    "application_name",
    "client_encoding",
    "DateStyle",
    "TimeZone",
    "IntervalStyle",
    "search_path",
    "standard_conforming_strings",
};
#define BROUGHT (sizeof(brought) / sizeof(brought[0]))

/* DEALLOCATE ALL would take away what the pooler itself has prepared for others. */
static const char deallocate[] =
    "DO LANGUAGE plpgsql 'DECLARE s pg_catalog.text; BEGIN"
    " FOR s IN SELECT p.name FROM pg_catalog.pg_prepared_statements p WHERE p.from_sql"
    " LOOP EXECUTE pg_catalog.format(''DEALLOCATE %I'', s); END LOOP; END'";

static const char *
deallocate_sql(const struct server *server)
{
    bool some = server->pooled && server->pooler.has_plpgsql;

    return some ? deallocate : "DEALLOCATE ALL";
}

/* The answer's columns: plpgsql, those of wanted, then those of brought. */
static const char *
question(const struct server *server, struct arena *arena)
{
    const char *sql = "BEGIN; SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_language l"
                      " WHERE l.lanname = 'plpgsql')";

    for (size_t i = 0; i < WANTED; i++)
        sql = arena_printf(arena,
                           wanted[i].since <= server->version
                               ? "%s, pg_catalog.current_setting('%s')"
                               : "%s, NULL",
                           sql, wanted[i].name);
    for (size_t i = 0; i < BROUGHT; i++)
        sql =
            arena_printf(arena, "%s, pg_catalog.current_setting('%s')", sql, brought[i]);
    return sql;
}

/*
 * They take a moment, so that what undoes them is on its way before the statement has ended,
 * and the pooler could think that we are done.
 */
static void
keep_outside(struct pooler *pooler, const PGresult *res)
{
    struct strbuf *sql = &pooler->outside;

    pooler->sets = false;
    strbuf_reset(sql);
    strbuf_puts(sql, "SELECT pg_catalog.pg_backend_pid()");
    for (size_t i = 0; i < WANTED; i++) {
        const char *value = exec_value(res, 0, 1 + (int)i);

        if (value == NULL || strcmp(value, wanted[i].value) == 0)
            continue;
        strbuf_printf(sql, ", pg_catalog.set_config('%s', '%s', false)", wanted[i].name,
                      wanted[i].value);
        pooler->sets = true;
    }
    if (pooler->sets)
        strbuf_puts(sql, ", pg_catalog.pg_sleep(0.05)");
}

static void
add_brought(PGconn *conn, struct strbuf *sql, const char *name, const char *value)
{
    char *quoted = PQescapeLiteral(conn, value, strlen(value));

    if (quoted != NULL)
        strbuf_printf(sql, "%s('%s', %s)", sql->len > 0 ? ", " : "", name, quoted);
    PQfreemem(quoted);
}

/* Only what the pooler has set is the client's; anything else would be a leak of ours. */
static void
keep_brought(struct session *session, const PGresult *res)
{
    struct pooler *pooler = &session->server->pooler;
    struct strbuf values = { 0 };

    for (size_t i = 0; i < BROUGHT; i++) {
        const char *value = exec_value(res, 0, (int)(1 + WANTED + i));
        const char *ours = PQparameterStatus(session->conn, brought[i]);

        if (ours != NULL && value != NULL && strcmp(ours, value) == 0)
            add_brought(session->conn, &values, brought[i], value);
    }
    strbuf_reset(&pooler->restore);
    strbuf_printf(&pooler->restore,
                  "SELECT pg_catalog.set_config(v.name, v.value, false) FROM (VALUES %s)"
                  " v (name, value) WHERE pg_catalog.current_setting(v.name)"
                  " OPERATOR(pg_catalog.<>) v.value",
                  values.len > 0 ? values.text : "('client_encoding', 'UTF8')");
    strbuf_release(&values);
}

bool
pooler_meet(struct session *session, struct error *err)
{
    struct pooler *pooler = &session->server->pooler;
    struct arena arena = { 0 };
    PGresult *res;
    bool ok = exec_simple(session, question(session->server, &arena), &res, err);

    arena_release(&arena);
    if (ok) {
        pooler->has_plpgsql = PQgetvalue(res, 0, 0)[0] == 't';
        keep_outside(pooler, res);
        keep_brought(session, res);
        PQclear(res);
        return exec_rollback(session, err);
    }
    if (strstr(err->message, "statement pooling") != NULL) {
        error_set(err, ERROR_CONNECT,
                  "the pooler pools by statement: no transaction is "
                  "possible through it");
        error_hint(err, "Give luamig a direct connection to the server, or a pool in "
                        "transaction or session mode.");
    }
    return false;
}

bool
pooler_wraps(const struct session *session)
{
    return session->prologue != NULL &&
           PQtransactionStatus(session->conn) == PQTRANS_IDLE;
}

void
pooler_note_backend(struct session *session, const PGresult *res)
{
    if (PQntuples(res) > 0 && PQnfields(res) > 0)
        session->pid = atoi(PQgetvalue(res, 0, 0));
}

/* A standby takes no READ WRITE. */
static const char *
begin_sql(const struct server *server)
{
    return server->standby ? "BEGIN ISOLATION LEVEL READ COMMITTED"
                           : "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";
}

static bool
begin(struct session *session, const char *sql, PGresult **res, struct error *err)
{
    struct arena arena = { 0 };
    bool ok = exec_simple(session, arena_printf(&arena, "%s; %s", sql, session->prologue),
                          res, err);

    if (ok)
        pooler_note_backend(session, *res);
    arena_release(&arena);
    return ok;
}

bool
pooler_query(struct session *session, const char *sql, const struct pg_params *params,
             PGresult **res, struct error *err)
{
    struct exchange exchange;
    struct error ignored = { 0 };

    if (strncmp(sql, "BEGIN", 5) == 0)
        return begin(session, sql, res, err);
    exchange = exchange_begin(session, 2);
    exchange_say(&exchange, begin_sql(session->server), NULL);
    exchange_say(&exchange, session->prologue, NULL);
    exchange_say(&exchange, sql, params);
    exchange_say(&exchange, "COMMIT", NULL);
    exchange_sync(&exchange);
    if (exchange_end(&exchange, true, res, err))
        return true;
    if (!session->lost)
        exec_rollback(session, &ignored);
    return false;
}

bool
pooler_rollback(struct session *session, struct error *err)
{
    struct arena arena = { 0 };
    PGresult *res = NULL;
    bool ok = exec_simple(session,
                          arena_printf(&arena,
                                       "ROLLBACK; SELECT"
                                       " pg_catalog.pg_advisory_unlock_all(); %s;"
                                       " DISCARD PLANS; DISCARD SEQUENCES",
                                       deallocate_sql(session->server)),
                          &res, err);

    PQclear(res);
    arena_release(&arena);
    return ok;
}

size_t
pooler_resets(const struct server *server, const char *list[POOLER_RESETS])
{
    size_t count = 0;

    list[count++] = "RESET ALL";
    if (server->pooled)
        list[count++] = server->pooler.restore.text;
    list[count++] = "CLOSE ALL";
    list[count++] = "UNLISTEN *";
    list[count++] = "DISCARD TEMP";
    list[count++] = deallocate_sql(server);
    list[count++] = "DISCARD PLANS";
    list[count++] = "DISCARD SEQUENCES";
    list[count++] = "SELECT pg_catalog.pg_advisory_unlock_all()";
    return count;
}

bool
pooler_commit(struct session *session, PGresult **res, struct error *err)
{
    const char *list[POOLER_RESETS];
    size_t count = pooler_resets(session->server, list);
    struct strbuf sql = { 0 };
    bool ok;

    for (size_t i = 0; i < count; i++)
        strbuf_printf(&sql, "%s; ", list[i]);
    strbuf_puts(&sql, "COMMIT");
    ok = exec_simple(session, sql.text, res, err);
    strbuf_release(&sql);
    return ok;
}

/* A late cancel may hit it: it is said twice. */
static void
say_resets(struct exchange *exchange)
{
    const char *list[POOLER_RESETS];
    size_t count = pooler_resets(exchange->session->server, list);

    for (int twice = 0; twice < 2; twice++) {
        for (size_t i = 0; i < count; i++)
            exchange_say(exchange, list[i], NULL);
        exchange_say(exchange, "SELECT pg_catalog.pg_backend_pid()", NULL);
        exchange_sync(exchange);
    }
}

static void
tell_parted(const struct exchange *exchange)
{
    struct server *server = exchange->session->server;

    if (exchange->first == exchange->last || !server->pooler.sets ||
        server->notices == NULL)
        return;
    log_add(server->notices, "the pooler took the connection away between a statement "
                             "and its settings: lock_timeout, statement_timeout or "
                             "default_transaction_* may be left set in the pool");
}

bool
pooler_outside(struct session *session, const char *sql, const struct pg_params *params,
               PGresult **res, struct error *err)
{
    struct exchange exchange = exchange_begin(session, 3);
    bool ok;

    exchange_say(&exchange, begin_sql(session->server), NULL);
    exchange_say(&exchange, session->server->pooler.outside.text, NULL);
    exchange_say(&exchange, "COMMIT", NULL);
    exchange_hurry(&exchange);
    exchange_say(&exchange, sql, params);
    exchange_sync(&exchange);
    say_resets(&exchange);
    ok = exchange_end(&exchange, false, res, err);
    tell_parted(&exchange);
    return ok;
}

/* true: settled, *err tells whether it has failed. */
static bool
poll_answer(struct session *work, int64_t until, struct error *err)
{
    struct stop *stop = work->server->stop;

    while (PQflush(work->conn) == 1 || PQisBusy(work->conn)) {
        struct pollfd fd = { .fd = PQsocket(work->conn), .events = POLLIN };
        int64_t left = until - stop_now();
        enum stop_cause cause = stop_cause(stop);

        if (cause != STOP_NONE)
            return wait_cause_error(stop, cause, err);
        if (left <= 0)
            return error_set(err, ERROR_CONNECT,
                             "no server connection free in %d s: a pool of one, or all "
                             "in use",
                             ROOM_WITHIN / 1000);
        stop_poll(stop, &fd, 1, left);
        if (fd.revents != 0 && PQconsumeInput(work->conn) == 0)
            return exec_error(work, NULL, err);
    }
    return true;
}

/* A session that still waits is of no use: its answer would come in the middle of all. */
static bool
ask_work(struct session *work, struct error *err)
{
    PGresult *res;
    bool ok = PQsendQuery(work->conn, "") == 1
                  ? poll_answer(work, stop_now() + ROOM_WITHIN, err)
                  : exec_error(work, NULL, err);

    work->lost = !ok;
    while (ok && (res = PQgetResult(work->conn)) != NULL) {
        ok = exec_is_ok(res) || exec_error(work, res, err);
        PQclear(res);
    }
    if (!ok && err->kind == ERROR_CONNECT && err->hint[0] == '\0')
        error_hint(err, "Behind a pooler luamig needs two, three to show progress.");
    return ok;
}

bool
pooler_check_room(struct server *server, struct error *err)
{
    struct session *lock = &server->lock;
    struct error ignored = { 0 };
    bool open = PQtransactionStatus(lock->conn) == PQTRANS_INTRANS, ok;

    if (!server->pooled)
        return true;
    if (!open && !exec_command(lock, "BEGIN", NULL, err))
        return false;
    ok = ask_work(&server->work.server->work, err); /* a second lock has a copy of it */
    return (open || exec_rollback(lock, ok ? err : &ignored)) && ok;
}
