#include "pg/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pg/connect.h"
#include "pg/exec.h"

#define OLDEST_SERVER 130000
#define SETTINGS_MAX  1024

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
    error_text(server->started, sizeof(server->started), exec_value(res, 0, 2));
    server->deadlock_timeout = strtoll(PQgetvalue(res, 0, 3), NULL, 10);
    PQclear(res);
    if (pid == session->pid)
        return true;
    error_set(err, ERROR_CONNECT, "connected through a pooler");
    return error_hint(err, "Give luamig a direct connection to the server (--database).");
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

/* When a setting is sent again after DISCARD ALL. */
enum setting_use {
    FOR_ALL, /* all sessions, always: a reload of the server may bring a limit any time */
    FOR_WORK,   /* work, if the session began with another value */
    IF_POSSIBLE /* work; left out where the platform refuses it (22023) */
};

struct setting {
    int since; /* server version */
    enum setting_use use;
    const char *name, *value;
};

static const struct setting settings[] = {
    { 0, FOR_ALL, "statement_timeout", "0" },
    { 0, FOR_ALL, "idle_in_transaction_session_timeout", "0" },
    { 140000, FOR_ALL, "idle_session_timeout", "0" },
    { 170000, FOR_ALL, "transaction_timeout", "0" },
    { 0, FOR_WORK, "standard_conforming_strings", "on" },
    { 0, FOR_WORK, "bytea_output", "hex" },
    { 0, FOR_WORK, "extra_float_digits", "1" },
    { 0, FOR_WORK, "default_transaction_read_only", "off" },
    { 0, FOR_WORK, "default_transaction_isolation", "read committed" },
    { 0, FOR_WORK, "default_transaction_deferrable", "off" },
    { 140000, IF_POSSIBLE, "client_connection_check_interval", "500ms" },
};
#define SETTINGS (sizeof(settings) / sizeof(settings[0]))

/* Appends one more set_config() call to the SELECT in dst. */
static void
add_setting(char *dst, size_t size, const struct setting *s)
{
    size_t len = strlen(dst);

    snprintf(dst + len, size - len, "%s pg_catalog.set_config('%s', '%s', false)",
             len > 0 ? "," : "SELECT", s->name, s->value);
}

const char *
session_settings(const struct server *server)
{
    return server->work_settings;
}

/* Asks what the session began with; the answer's columns are those of FOR_WORK. */
static bool
ask_settings(struct session *session, PGresult **res, struct error *err)
{
    char sql[1024] = "";

    for (size_t i = 0; i < SETTINGS; i++) {
        size_t len = strlen(sql);

        if (settings[i].use == FOR_WORK)
            snprintf(sql + len, sizeof(sql) - len, "%s pg_catalog.current_setting('%s')",
                     len > 0 ? "," : "SELECT", settings[i].name);
    }
    return exec_query(session, sql, NULL, res, err);
}

static bool
build_work(struct session *session, bool if_possible, struct error *err)
{
    struct server *server = session->server;
    PGresult *res;
    int column = 0;

    if (!ask_settings(session, &res, err))
        return false;
    server->work_settings[0] = '\0';
    for (size_t i = 0; i < SETTINGS; i++) {
        const struct setting *s = &settings[i];
        bool wanted = s->use == FOR_ALL || (s->use == IF_POSSIBLE && if_possible);

        if (s->use == FOR_WORK)
            wanted = strcmp(PQgetvalue(res, 0, column++), s->value) != 0;
        if (wanted && s->since <= server->version)
            add_setting(server->work_settings, sizeof(server->work_settings), s);
    }
    PQclear(res);
    return true;
}

static bool
set_work(struct session *session, struct error *err)
{
    struct server *server = session->server;

    if (!build_work(session, true, err))
        return false;
    if (exec_command(session, server->work_settings, NULL, err))
        return true;
    return strcmp(err->sqlstate, "22023") == 0 && build_work(session, false, err) &&
           exec_command(session, server->work_settings, NULL, err);
}

void
session_limits(const struct server *server, char *sql, size_t size)
{
    sql[0] = '\0';
    for (size_t i = 0; i < SETTINGS; i++) {
        if (settings[i].use == FOR_ALL && settings[i].since <= server->version)
            add_setting(sql, size, &settings[i]);
    }
}

static bool
set_other(struct session *session, struct error *err)
{
    char sql[512];

    session_limits(session->server, sql, sizeof(sql));
    return exec_command(session, sql, NULL, err);
}

static bool
greet(struct session *session, struct error *err)
{
    session->pid = PQbackendPID(session->conn);
    PQsetNoticeReceiver(session->conn, on_notice, session);
    if (PQsetnonblocking(session->conn, 1) != 0)
        return exec_error(session, NULL, err);
    if (session->role == SESSION_WORK)
        return check_server(session, err) && set_work(session, err);
    return set_other(session, err);
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
