#include "pg/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pg/connect.h"
#include "pg/exec.h"
#include "pg/greeting.h"

#define OLDEST_SERVER 130000

static void
on_notice(void *arg, const PGresult *res)
{
    const struct session *session = arg;
    struct log *notices = session->server->notices;
    const char *severity = PQresultErrorField(res, PG_DIAG_SEVERITY);
    const char *text = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);
    char line[1024];

    if (notices == NULL || session->role != SESSION_WORK || text == NULL)
        return;
    snprintf(line, sizeof(line), "%s: %s", severity != NULL ? severity : "NOTICE", text);
    log_add(notices, line);
}

static const char who_sql[] = "SELECT pg_catalog.pg_backend_pid(),"
                              " pg_catalog.pg_is_in_recovery(),"
                              " a.backend_start::pg_catalog.text,"
                              " (SELECT s.setting FROM pg_catalog.pg_settings s"
                              " WHERE s.name = 'deadlock_timeout')"
                              " FROM pg_catalog.pg_stat_get_activity("
                              "pg_catalog.pg_backend_pid()) a";

/* Who answers: the backend that libpq spoke to, or another behind a pooler? */
static bool
ask_who(struct session *session, struct error *err)
{
    struct server *server = session->server;
    PGresult *res;
    int pid;

    if (!exec_query(session, who_sql, NULL, &res, err))
        return false;
    pid = atoi(PQgetvalue(res, 0, 0));
    server->standby = PQgetvalue(res, 0, 1)[0] == 't';
    server->pooled = pid != session->pid;
    server->met = true;
    error_text(server->started, sizeof(server->started),
               server->pooled ? NULL : exec_value(res, 0, 2));
    server->deadlock_timeout = strtoll(PQgetvalue(res, 0, 3), NULL, 10);
    PQclear(res);
    return true;
}

static bool
check_server(struct session *session, struct error *err)
{
    struct server *server = session->server;
    const char *encoding = PQparameterStatus(session->conn, "server_encoding");

    server->version = PQserverVersion(session->conn);
    server->bytes = encoding != NULL && strcmp(encoding, "SQL_ASCII") == 0;
    if (server->version < OLDEST_SERVER)
        return error_set(err, ERROR_CONNECT,
                         "server version %d.%d is older than 13, the oldest supported",
                         server->version / 10000, server->version % 10000);
    error_text(server->user, sizeof(server->user), PQuser(session->conn));
    error_text(server->database, sizeof(server->database), PQdb(session->conn));
    return ask_who(session, err);
}

const char *
session_settings(const struct server *server)
{
    return server->work_settings;
}

static bool
greet(struct session *session, struct error *err)
{
    session->pid = PQbackendPID(session->conn);
    PQsetNoticeReceiver(session->conn, on_notice, session);
    if (PQsetnonblocking(session->conn, 1) != 0)
        return exec_error(session, NULL, err);
    return (session->role != SESSION_WORK || check_server(session, err)) &&
           greeting_send(session, err);
}

static struct session *
session_of(struct server *server, enum session_role role)
{
    if (role == SESSION_LOCK)
        return &server->lock;
    return role == SESSION_CONTROL ? &server->control : &server->work;
}

bool
session_open(struct server *server, enum session_role role, struct error *err)
{
    struct session *session = session_of(server, role);
    char name[64];

    snprintf(name, sizeof(name), "luamig %s %s", server->run, server->command);
    *session = (struct session){ .server = server, .role = role };
    if (!connect_open(server, name, &session->conn, err))
        return false;
    if (server->stop->signals)
        stop_signals_block();
    if (greet(session, err))
        return true;
    if (err->kind == ERROR_SQL)
        err->kind = ERROR_CONNECT;
    session_close(session);
    return false;
}

void
session_close(struct session *session)
{
    if (session->conn != NULL)
        PQfinish(session->conn);
    session->conn = NULL;
    session->lost = false;
}

void
server_close(struct server *server)
{
    session_close(&server->work);
    session_close(&server->lock);
    session_close(&server->control);
    strbuf_release(&server->pooler.outside);
    strbuf_release(&server->pooler.restore);
}

const char *
server_host(const struct server *server)
{
    const char *host = server->work.conn != NULL ? PQhost(server->work.conn) : NULL;

    return host != NULL ? host : "";
}

const char *
server_port(const struct server *server)
{
    const char *port = server->work.conn != NULL ? PQport(server->work.conn) : NULL;

    return port != NULL ? port : "";
}

void
server_label(const struct server *server, char *dst, size_t size)
{
    const char *host = server_host(server), *port = server_port(server);
    bool usual = host[0] == '/' || strcmp(port, "5432") == 0;

    snprintf(dst, size, "%s@%s%s%s", server->database, host[0] == '/' ? "local" : host,
             usual ? "" : ":", usual ? "" : port);
}
