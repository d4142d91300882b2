#include "pg/connect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "pg/hosts.h"
#include "pg/refusal.h"
#include "pg/wait.h"

#define HOST_TIMEOUT    10000 /* ms for each host, unless connect_timeout says otherwise */
#define PATIENCE        2000  /* ms until connecting is said */
#define TRY_AGAIN_AFTER 1000  /* ms between two attempts while connect_wait lasts */

struct connecting {
    struct server *server;
    const char *name; /* for application_name */
    PGconn *conn;
    struct hosts hosts; /* those that are left */
    int64_t began, host_began, timeout;
    char at[320]; /* the host and the address that are being tried */
    struct strbuf refusals;
    bool said, slow; /* slow: the host did not answer in its time */
};

/* What stands before dbname gives way to the user's URL, what stands behind wins over it. */
static PGconn *
start(const struct connecting *c)
{
    const char *database = c->server->settings->database;
    const char *keywords[] = { "keepalives_idle",
                               "keepalives_interval",
                               "keepalives_count",
                               "fallback_application_name",
                               "dbname",
                               "client_encoding",
                               "host",
                               "hostaddr",
                               "port",
                               NULL };
    const char *values[] = { "30",
                             "10",
                             "3",
                             c->name,
                             database != NULL ? database : "",
                             "UTF8",
                             c->hosts.host,
                             c->hosts.hostaddr,
                             c->hosts.port,
                             NULL };

    return PQconnectStartParams(keywords, values, 1);
}

/* connect_timeout of the URL or the environment, in ms; PQconnectPoll ignores it. */
static int64_t
host_timeout(PGconn *conn)
{
    PQconninfoOption *options = PQconninfo(conn);
    int64_t seconds = -1;

    for (PQconninfoOption *o = options; o != NULL && o->keyword != NULL; o++) {
        if (strcmp(o->keyword, "connect_timeout") == 0 && o->val != NULL)
            seconds = strtol(o->val, NULL, 10);
    }
    PQconninfoFree(options);
    return seconds > 0 ? seconds * 1000 : seconds == 0 ? INT64_MAX / 4 : HOST_TIMEOUT;
}

static void
say_patience(struct connecting *c, int64_t now)
{
    char text[400];

    if (c->said || now - c->began < PATIENCE || c->server->patience.waiting == NULL)
        return;
    c->said = true;
    snprintf(text, sizeof(text), "the connection to %s:%s", PQhost(c->conn),
             PQport(c->conn));
    c->server->patience.waiting(c->server->patience.ctx, text);
}

/* Each host has its time, and of a name with several addresses each of them. */
static bool
host_has_time(struct connecting *c, int64_t now)
{
    char at[sizeof(c->at)];

    snprintf(at, sizeof(at), "%s %s %s", PQhost(c->conn), PQport(c->conn),
             PQhostaddr(c->conn));
    if (strcmp(c->at, at) != 0) {
        memcpy(c->at, at, sizeof(at));
        c->host_began = now;
    }
    return now - c->host_began < c->timeout;
}

/* true: connected, refused or slow; false: *err says why it was given up. */
static bool
poll_until_settled(struct connecting *c, struct error *err)
{
    PostgresPollingStatusType next = PGRES_POLLING_WRITING;
    enum stop_cause cause;

    while (next != PGRES_POLLING_OK && next != PGRES_POLLING_FAILED) {
        struct pollfd fd = { .fd = PQsocket(c->conn),
                             .events = next == PGRES_POLLING_READING ? POLLIN : POLLOUT };
        int64_t now = stop_now();

        if ((cause = stop_cause(c->server->stop)) != STOP_NONE)
            return wait_cause_error(c->server->stop, cause, err);
        c->slow = !host_has_time(c, now);
        if (c->slow)
            return true;
        say_patience(c, now);
        if (stop_poll(c->server->stop, &fd, 1, 200) > 0)
            next = PQconnectPoll(c->conn);
    }
    return true;
}

/* libpq's text names host and port itself, of every host that it has tried. */
static void
keep_refusal(struct connecting *c)
{
    strbuf_puts(&c->refusals, PQerrorMessage(c->conn));
    if (c->slow)
        strbuf_printf(&c->refusals, "no answer from %s:%s within %ld s\n",
                      PQhost(c->conn), PQport(c->conn), (long)(c->timeout / 1000));
}

/* One row of attempts, as libpq makes it. */
static bool
try_hosts(struct connecting *c, struct error *err)
{
    c->slow = false;
    c->at[0] = '\0';
    PQfinish(c->conn);
    c->conn = start(c);
    if (c->conn == NULL)
        return error_set(err, ERROR_INTERNAL, "out of memory");
    conninfo_learn(&c->server->secrets, c->conn);
    c->timeout = host_timeout(c->conn);
    if (PQstatus(c->conn) != CONNECTION_BAD && !poll_until_settled(c, err))
        return false;
    if (PQstatus(c->conn) == CONNECTION_OK)
        return true;
    keep_refusal(c);
    return error_set(err, ERROR_CONNECT, "no connection");
}

static bool
connect_once(struct server *server, const char *name, PGconn **conn, struct error *err)
{
    struct connecting c = { .server = server, .name = name, .began = stop_now() };
    bool ok;

    if (server->work.conn != NULL)
        hosts_pin(&c.hosts, server->work.conn);
    do
        ok = try_hosts(&c, err);
    while (!ok && c.slow && hosts_skip(&c.hosts, c.conn));
    if (!ok && err->kind == ERROR_CONNECT)
        refusal_explain(&c.refusals, &server->secrets, err);
    if (!ok) {
        PQfinish(c.conn);
        c.conn = NULL;
    }
    *conn = c.conn;
    hosts_release(&c.hosts);
    strbuf_release(&c.refusals);
    return ok;
}

bool
connect_open(struct server *server, const char *name, PGconn **conn, struct error *err)
{
    int64_t until = stop_now() + server->settings->connect_wait;
    bool said = false;

    while (!connect_once(server, name, conn, err)) {
        if (err->kind != ERROR_CONNECT || stop_now() + TRY_AGAIN_AFTER > until)
            return false;
        if (!said && server->patience.waiting != NULL)
            server->patience.waiting(server->patience.ctx, err->message);
        said = true;
        stop_poll(server->stop, NULL, 0, TRY_AGAIN_AFTER);
    }
    return true;
}
