#include "tests/test.h"

#include "tests/pgtest.h"

#include <libpq-events.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pg/exec.h"

static void
on_server(const char *sql)
{
    PGconn *conn = PQconnectdb(getenv("LUAMIG_TEST_URL"));

    if (PQstatus(conn) != CONNECTION_OK)
        fail_msg("%s", PQerrorMessage(conn));
    PQclear(PQexec(conn, sql));
    PQfinish(conn);
}

/* LUAMIG_TEST_URL ends in /postgres?host=...; the database's name takes its place. */
static const char *
url_of(struct pgtest *t)
{
    const char *base = getenv("LUAMIG_TEST_URL");
    const char *at = strstr(base, "///postgres");

    return arena_printf(&t->arena, "%.*s///%s%s", (int)(at - base), base, t->name,
                        at + strlen("///postgres"));
}

static int
count_results(PGEventId id, void *info, void *live)
{
    (void)info;
    *(long *)live += id == PGEVT_RESULTCREATE;
    *(long *)live -= id == PGEVT_RESULTDESTROY;
    return 1;
}

void
pgtest_open(struct pgtest *t)
{
    static int serial;
    struct error err = { 0 };
    const char *how;

    *t = (struct pgtest){ 0 };
    if (getenv("LUAMIG_TEST_URL") == NULL)
        fail_msg("run me under tests/with-postgres.sh");
    snprintf(t->name, sizeof(t->name), "unit_%d_%d", (int)getpid(), ++serial);
    how = getenv("LUAMIG_TEST_CREATE");
    on_server(arena_printf(&t->arena, "CREATE DATABASE %s %s", t->name,
                           how != NULL ? how : ""));
    t->settings = (struct settings){ .database = url_of(t),
                                     .dir = "migrations",
                                     .table = { "luamig", "applied_migrations" } };
    t->server = (struct server){ .settings = &t->settings,
                                 .run = "00000000",
                                 .command = "test",
                                 .stop = &t->stop,
                                 .notices = &t->notices };
    if (!session_open(&t->server, SESSION_WORK, &err))
        fail_msg("%s", err.message);
    assert_true(PQregisterEventProc(t->server.work.conn, count_results, "count",
                                    &t->live_results));
}

void
pgtest_close(struct pgtest *t)
{
    server_close(&t->server);
    on_server(
        arena_printf(&t->arena, "DROP DATABASE IF EXISTS %s WITH (FORCE)", t->name));
    log_release(&t->notices);
    arena_release(&t->arena);
}

void
pgtest_sql(struct pgtest *t, const char *sql)
{
    struct error err = { 0 };

    if (!exec_command(&t->server.work, sql, NULL, &err))
        fail_msg("%s: %s", sql, err.message);
}

const char *
pgtest_value(struct pgtest *t, const char *sql)
{
    struct error err = { 0 };
    const char *value = "";
    PGresult *res;

    if (!exec_query(&t->server.work, sql, NULL, &res, &err))
        fail_msg("%s: %s", sql, err.message);
    if (PQntuples(res) > 0 && !PQgetisnull(res, 0, 0))
        value = arena_strdup(&t->arena, PQgetvalue(res, 0, 0));
    PQclear(res);
    return value;
}

void
pgtest_log(void *ctx, enum host_log level, const char *text)
{
    struct pgtest *t = ctx;

    (void)level;
    error_text(t->logged, sizeof(t->logged), text);
}
