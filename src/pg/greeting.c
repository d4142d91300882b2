#include "pg/greeting.h"

#include <stdio.h>
#include <string.h>

#include "pg/exec.h"
#include "pg/pooler.h"

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

/* What a SELECT of settings begins with: behind a pooler with who answers. */
static void
begin_select(const struct server *server, struct strbuf *sql)
{
    if (server->pooled)
        strbuf_puts(sql, "SELECT pg_catalog.pg_backend_pid()");
}

void
greeting_add(const struct server *server, struct strbuf *sql, const char *name,
             const char *value)
{
    strbuf_printf(sql, "%s pg_catalog.set_config('%s', '%s', %s)",
                  sql->len > 0 ? "," : "SELECT", name, value,
                  server->pooled ? "true" : "false");
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

/* Behind a pooler the next transaction may have another session's values: all of them. */
static bool
build_work(struct session *session, bool if_possible, struct error *err)
{
    struct server *server = session->server;
    struct strbuf sql = { 0 };
    PGresult *res = NULL;
    int column = 0;

    if (!server->pooled && !ask_settings(session, &res, err))
        return false;
    begin_select(server, &sql);
    for (size_t i = 0; i < SETTINGS; i++) {
        const struct setting *s = &settings[i];
        bool wanted = s->use != IF_POSSIBLE || if_possible;

        if (s->use == FOR_WORK && res != NULL)
            wanted = strcmp(PQgetvalue(res, 0, column++), s->value) != 0;
        if (wanted && s->since <= server->version)
            greeting_add(server, &sql, s->name, s->value);
    }
    snprintf(server->work_settings, sizeof(server->work_settings), "%s", sql.text);
    strbuf_release(&sql);
    PQclear(res);
    return true;
}

/* Sent, or tried in a transaction. */
static bool
use_work(struct session *session, struct error *err)
{
    struct server *server = session->server;

    if (!server->pooled)
        return exec_command(session, server->work_settings, NULL, err);
    session->prologue = server->work_settings;
    return exec_command(session, "SELECT 1", NULL, err);
}

static bool
set_work(struct session *session, struct error *err)
{
    if (!build_work(session, true, err))
        return false;
    if (use_work(session, err))
        return true;
    return strcmp(err->sqlstate, "22023") == 0 && build_work(session, false, err) &&
           use_work(session, err);
}

void
greeting_limits(const struct server *server, struct strbuf *sql)
{
    begin_select(server, sql);
    for (size_t i = 0; i < SETTINGS; i++) {
        if (settings[i].use == FOR_ALL && settings[i].since <= server->version)
            greeting_add(server, sql, settings[i].name, settings[i].value);
    }
}

/* Control only looks; what holds the lock says itself what it needs behind a pooler. */
static bool
set_other(struct session *session, struct error *err)
{
    struct strbuf sql = { 0 };
    bool ok;

    if (session->server->pooled)
        return true;
    greeting_limits(session->server, &sql);
    ok = exec_command(session, sql.text, NULL, err);
    strbuf_release(&sql);
    return ok;
}

bool
greeting_send(struct session *session, struct error *err)
{
    if (session->role != SESSION_WORK)
        return set_other(session, err);
    return (!session->server->pooled || pooler_meet(session, err)) &&
           set_work(session, err);
}
