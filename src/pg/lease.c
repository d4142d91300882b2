#include "pg/lease.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/words.h"
#include "pg/applied.h"
#include "pg/blockers.h"
#include "pg/exec.h"
#include "pg/greeting.h"
#include "pg/heartbeat.h"
#include "pg/polling.h"
#include "pg/pooler.h"
#include "pg/wait.h"

#define TOKEN_DIGITS 32

static const char create_sql[] = "CREATE TABLE %s ("
                                 " name text NOT NULL PRIMARY KEY,"
                                 " holder text NOT NULL,"
                                 " host text NOT NULL,"
                                 " pid integer NOT NULL,"
                                 " token text NOT NULL,"
                                 " acquired timestamptz NOT NULL,"
                                 " expires timestamptz NOT NULL,"
                                 " outcome text NULL,"
                                 " ended timestamptz NULL)";

/*
 * $1 name, $2 token, $3 ms, $4 host, $5 pid. Who waits only reads: ON CONFLICT locks the
 * row, and the heartbeat would wait for it. Answers with the dead holder, if there is one.
 */
static const char take_sql[] =
    "WITH old AS (SELECT o.* FROM %s o WHERE o.name = $1)"
    " INSERT INTO %s AS l (name, token, expires, host, pid, holder, acquired)"
    " SELECT $1, $2, pg_catalog.clock_timestamp()"
    " + $3::pg_catalog.float8 * pg_catalog.make_interval(secs => 0.001),"
    " $4, $5::pg_catalog.int4,"
    " pg_catalog.concat(pg_catalog.current_setting('application_name'), ' as ',"
    " session_user), pg_catalog.clock_timestamp()"
    " WHERE NOT EXISTS (SELECT 1 FROM old o"
    " WHERE o.expires > pg_catalog.clock_timestamp())"
    " ON CONFLICT (name) DO UPDATE SET token = EXCLUDED.token,"
    " expires = EXCLUDED.expires, host = EXCLUDED.host, pid = EXCLUDED.pid,"
    " holder = EXCLUDED.holder, acquired = EXCLUDED.acquired,"
    " outcome = NULL, ended = NULL"
    " WHERE l.expires <= pg_catalog.clock_timestamp()"
    " RETURNING (SELECT o.pid FROM old o WHERE o.outcome IS NULL),"
    " (SELECT o.host FROM old o),"
    " (SELECT CASE WHEN pg_catalog.isfinite(o.expires) THEN (1000 * extract(epoch"
    " FROM pg_catalog.clock_timestamp() - o.expires))::pg_catalog.int8 END FROM old o)";

static const char renew_sql[] =
    "%sUPDATE %s SET expires = pg_catalog.clock_timestamp()"
    " + %" PRId64 " * pg_catalog.make_interval(secs => 0.001)"
    " WHERE name = '%s' AND token = '%s' AND expires > pg_catalog.clock_timestamp()"
    " RETURNING 1";

static const char end_sql[] =
    "UPDATE %s SET expires = pg_catalog.clock_timestamp(),"
    " ended = pg_catalog.clock_timestamp(), outcome = $3"
    " WHERE name = $1 AND token = $2 AND expires > pg_catalog.clock_timestamp()";

/* Infinite times, set by hand, cannot be subtracted. */
static const char read_sql[] =
    "SELECT name, holder, host, pid, token,"
    " pg_catalog.to_char(acquired AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'),"
    " pg_catalog.to_char(expires AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'),"
    " outcome,"
    " pg_catalog.to_char(ended AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'),"
    " CASE WHEN expires > pg_catalog.clock_timestamp() THEN 'held'"
    " WHEN outcome IS NULL THEN 'expired' ELSE 'free' END,"
    " CASE WHEN pg_catalog.isfinite(acquired) THEN (1000 * extract(epoch"
    " FROM pg_catalog.clock_timestamp() - acquired))::pg_catalog.int8 END,"
    " CASE WHEN pg_catalog.isfinite(expires) THEN (1000 * extract(epoch"
    " FROM expires - pg_catalog.clock_timestamp()))::pg_catalog.int8 END"
    " FROM %s WHERE $1::pg_catalog.text IS NULL OR name = $1 ORDER BY name";

struct lease
lease_new(const struct settings *settings, const char *name, struct arena *arena)
{
    char *token = arena_alloc(arena, TOKEN_DIGITS + 1);

    digest_random_hex(token, TOKEN_DIGITS);
    return (struct lease){ .of = &settings->table,
                           .table = applied_ident(arena, &settings->table, "_lock"),
                           .name = name,
                           .token = token,
                           .ms = settings->lease };
}

/* Before any lease: whoever else does it at the same time is welcome. */
static bool
create(struct server *server, const struct lease *lease, struct arena *arena,
       struct error *err)
{
    struct session *work = &server->work;
    struct applied_table state;

    if (!applied_look(work, lease->of, arena, &state, err))
        return false;
    return state.has_lock ||
           (applied_create_schema(work, lease->of, &state, arena, err) &&
            applied_create_table(work, lease->of,
                                 arena_printf(arena, create_sql, lease->table), err));
}

struct taking {
    struct server *server;
    const struct lease *lease;
    struct arena *arena;
    const char *sql;
    char ms[32], host[256], pid[32];
    const char *from;
    int64_t sent;
};

/* "pid 4711 on host db1, expired 12 s ago" */
static const char *
dead_holder(const PGresult *res, struct arena *arena)
{
    const char *pid = exec_value(res, 0, 0), *ago = exec_value(res, 0, 2);
    int64_t ms = ago != NULL ? strtoll(ago, NULL, 10) : 0;
    char text[32];

    if (pid == NULL)
        return NULL;
    if (ms >= 1000 && ms < 60000)
        snprintf(text, sizeof(text), "%" PRId64 " s", ms / 1000);
    else
        words_elapsed(ms, text, sizeof(text));
    return arena_printf(arena, "pid %s on host %s, expired %s ago", pid,
                        PQgetvalue(res, 0, 1), text);
}

/* The table may have gone with its schema while we waited; a row lock is no lease. */
static bool
forgive(struct taking *t, struct error *err)
{
    if (strcmp(err->sqlstate, "42P01") == 0 || strcmp(err->sqlstate, "3F000") == 0)
        return create(t->server, t->lease, t->arena, err);
    return strcmp(err->sqlstate, "55P03") == 0;
}

static bool
take(void *ctx, bool *had, struct error *err)
{
    struct taking *t = ctx;
    PGresult *res;

    *had = false;
    t->sent = stop_now();
    if (!exec_query(&t->server->lock, t->sql,
                    PG_PARAMS(t->lease->name, t->lease->token, t->ms, t->host, t->pid),
                    &res, err))
        return forgive(t, err);
    *had = PQntuples(res) > 0;
    if (*had)
        t->from = dead_holder(res, t->arena);
    PQclear(res);
    return true;
}

static void
say_holder(void *ctx)
{
    struct taking *t = ctx;
    struct session_patience *patience = &t->server->patience;
    struct arena arena = { 0 };
    const char *text =
        arena_printf(&arena, "%s, held by another run of luamig", t->server->lock_name);
    struct error err = { 0 };
    struct lease_row *rows;
    size_t count;

    if (lease_read(&t->server->lock, t->lease->table, t->lease->name, &arena, &rows,
                   &count, &err) &&
        count > 0)
        text = arena_printf(&arena, "%s, held by %s", t->server->lock_name,
                            lease_holder(&t->server->lock, rows, &arena));
    patience->waiting(patience->ctx, text);
    arena_release(&arena);
}

/*
 * Short statements of their own, whatever the role's defaults are. Behind a pooler this is
 * what each transaction begins with.
 */
static const char *
greeting(const struct taking *t)
{
    static const char *const settings[][2] = {
        { "default_transaction_isolation", "read committed" },
        { "default_transaction_read_only", "off" },
        { "default_transaction_deferrable", "off" },
        { "synchronous_commit", "local" },
        { "search_path", "pg_catalog, pg_temp" },
    };
    struct strbuf sql = { 0 };
    const char *kept;

    greeting_limits(t->server, &sql);
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
        greeting_add(t->server, &sql, settings[i][0], settings[i][1]);
    greeting_add(t->server, &sql, "lock_timeout",
                 arena_printf(t->arena, "%" PRId64, t->lease->ms / 3 + 1));
    kept = arena_strdup(t->arena, sql.text);
    strbuf_release(&sql);
    return kept;
}

static bool
greet(struct taking *t, struct error *err)
{
    if (!t->server->pooled)
        return exec_command(&t->server->lock, greeting(t), NULL, err);
    t->server->lock.prologue = greeting(t);
    return true;
}

/*
 * From here on the connection is the thread's. A statement with its settings is one
 * message behind a pooler, and so one transaction.
 */
static bool
begin_heartbeat(struct taking *t, struct error *err)
{
    const struct lease *lease = t->lease;
    const char *prologue = t->server->lock.prologue, *before = "";
    struct heartbeat_orders orders = { .of = t->server->lock_name,
                                       .lease = lease->ms,
                                       .renewed = t->sent };

    if (prologue != NULL)
        before = arena_printf(t->arena,
                              "SET TRANSACTION ISOLATION LEVEL READ COMMITTED READ WRITE;"
                              " %s; ",
                              prologue);
    else
        orders.greeting = greeting(t);
    orders.renew = arena_printf(t->arena, renew_sql, before, lease->table, lease->ms,
                                lease->name, lease->token);
    orders.look =
        arena_printf(t->arena, "SELECT 1 WHERE %s", lease_condition(lease, t->arena));
    t->server->heartbeat = heartbeat_start(t->server->lock.conn, &orders, err);
    if (t->server->heartbeat == NULL)
        return false;
    t->server->lock.conn = NULL;
    return true;
}

static bool
give_back(struct session *session, const struct lease *lease, const char *outcome,
          struct error *err)
{
    struct arena arena = { 0 };
    bool ok = exec_command(session, arena_printf(&arena, end_sql, lease->table),
                           PG_PARAMS(lease->name, lease->token, outcome), err);

    arena_release(&arena);
    return ok;
}

/* Two backends are needed at a time; nobody shall wait for a lease that is not used. */
static bool
check_room(struct taking *t, struct error *err)
{
    struct error ignored = { 0 };

    if (pooler_check_room(t->server, err))
        return true;
    give_back(&t->server->lock, t->lease, "refused", &ignored);
    return false;
}

/* On its way to a lease: the connection is open, with its limits set. */
static bool
begin_taking(struct taking *t, const struct lease *lease, struct error *err)
{
    struct server *server = t->server;

    t->lease = lease;
    t->sql = arena_printf(t->arena, take_sql, lease->table, lease->table);
    snprintf(t->ms, sizeof(t->ms), "%" PRId64, lease->ms);
    snprintf(t->pid, sizeof(t->pid), "%d", (int)getpid());
    if (gethostname(t->host, sizeof(t->host) - 1) != 0)
        snprintf(t->host, sizeof(t->host), "unknown");
    server->pinged = stop_now(); /* no ping: this connection is not idle */
    return create(server, lease, t->arena, err) &&
           session_open(server, SESSION_LOCK, err) && greet(t, err);
}

bool
lease_acquire(struct server *server, const struct lease *lease, struct arena *arena,
              const char **from, struct error *err)
{
    struct taking t = { .server = server, .arena = arena };
    struct polling polling = {
        .server = server, .attempt = take, .say_holder = say_holder, .ctx = &t
    };

    if (!begin_taking(&t, lease, err) || !polling_acquire(&polling, err) ||
        !check_room(&t, err) || !begin_heartbeat(&t, err))
        return false;
    *from = t.from;
    return true;
}

bool
lease_try(struct server *server, const struct lease *lease, struct arena *arena,
          bool *had, struct error *err)
{
    struct taking t = { .server = server, .arena = arena };

    return begin_taking(&t, lease, err) && take(&t, had, err) &&
           (!*had || (check_room(&t, err) && begin_heartbeat(&t, err)));
}

void
lease_release(struct server *server, const struct lease *lease, const char *outcome)
{
    struct error err = { 0 };
    struct session *session = &server->lock;
    bool lost = lease_lost(server) != NULL;

    if (server->heartbeat == NULL)
        return;
    session->conn = heartbeat_stop(server->heartbeat);
    server->heartbeat = NULL;
    server->lock_lost = NULL; /* it is given up now */
    if (session->conn == NULL && server->work.conn != NULL && !server->work.lost)
        session = &server->work;
    if (!lost && session->conn != NULL)
        give_back(session, lease, outcome, &err);
    session_close(&server->lock);
}

const char *
lease_condition(const struct lease *lease, struct arena *arena)
{
    return arena_printf(arena,
                        "EXISTS (SELECT 1 FROM %s l WHERE l.name = '%s'"
                        " AND l.token = '%s'"
                        " AND l.expires > pg_catalog.clock_timestamp())",
                        lease->table, lease->name, lease->token);
}

const char *
lease_lost(struct server *server)
{
    const char *why =
        server->heartbeat != NULL ? heartbeat_lost(server->heartbeat) : NULL;

    if (why != NULL)
        server->lock_lost = why;
    return why;
}

bool
lease_confirm(struct server *server, struct error *err)
{
    enum stop_cause cause;

    if (server->heartbeat == NULL || heartbeat_confirm(server->heartbeat, server->stop))
        return true;
    if (lease_lost(server) != NULL)
        return error_set(err, ERROR_LOCK, "%s", server->lock_lost);
    cause = stop_cause(server->stop);
    return wait_cause_error(server->stop, cause, err);
}

static int64_t
number(const PGresult *res, int row, int column)
{
    const char *text = exec_value(res, row, column);

    return text != NULL ? strtoll(text, NULL, 10) : 0;
}

static struct lease_row
read_row(const PGresult *res, int row, struct arena *arena)
{
    const char *texts[10];

    for (int i = 0; i < 10; i++)
        texts[i] = arena_strdup(arena, exec_value(res, row, i));
    return (struct lease_row){ .name = texts[0],
                               .holder = texts[1],
                               .host = texts[2],
                               .pid = texts[3],
                               .token = texts[4],
                               .acquired = texts[5],
                               .expires = texts[6],
                               .outcome = texts[7],
                               .ended = texts[8],
                               .state = texts[9],
                               .age = number(res, row, 10),
                               .left = number(res, row, 11) };
}

bool
lease_read(struct session *session, const char *table, const char *name,
           struct arena *arena, struct lease_row **rows, size_t *count, struct error *err)
{
    PGresult *res;

    *rows = NULL;
    *count = 0;
    if (!exec_query(session, arena_printf(arena, read_sql, table), PG_PARAMS(name), &res,
                    err))
        return false;
    *count = (size_t)PQntuples(res);
    *rows = arena_alloc(arena, (*count + 1) * sizeof(**rows));
    for (size_t i = 0; i < *count; i++)
        (*rows)[i] = read_row(res, (int)i, arena);
    PQclear(res);
    return true;
}

const char *
lease_holder(struct session *session, const struct lease_row *row, struct arena *arena)
{
    char age[32], left[32];
    const char *text = arena_printf(arena,
                                    "pid %s on host %s (%s, for %s; its lease ends in %s"
                                    " unless it is renewed)",
                                    row->pid, row->host, row->holder,
                                    words_elapsed(row->age, age, sizeof(age)),
                                    words_elapsed(row->left, left, sizeof(left)));
    const char *doing = NULL;
    struct error err = { 0 };

    if (blockers_holder_at(session, row->holder, arena, &doing, &err) && doing != NULL)
        text = arena_printf(arena, "%s; its run is at %s", text, doing);
    return text;
}

bool
lease_free(struct session *session, const char *table, const struct lease_row *row,
           bool *freed, struct error *err)
{
    struct arena arena = { 0 };
    PGresult *res;
    bool ok = exec_query(session, arena_printf(&arena, end_sql, table),
                         PG_PARAMS(row->name, row->token, "released by hand"), &res, err);

    if (ok)
        *freed = strcmp(PQcmdTuples(res), "1") == 0;
    PQclear(res);
    arena_release(&arena);
    return ok;
}
