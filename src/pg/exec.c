#include "pg/exec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pg/pooler.h"
#include "pg/wait.h"

bool
exec_is_ok(const PGresult *res)
{
    switch (PQresultStatus(res)) {
    case PGRES_TUPLES_OK:
    case PGRES_COMMAND_OK:
    case PGRES_EMPTY_QUERY:
    case PGRES_SINGLE_TUPLE: return true;
    default: return false;
    }
}

const char *
exec_value(const PGresult *res, int row, int column)
{
    return PQgetisnull(res, row, column) ? NULL : PQgetvalue(res, row, column);
}

/* "table public.users, column nmae, constraint users_pkey" */
static void
read_object(const PGresult *res, struct error *err)
{
    static const struct {
        int field;
        const char *word;
    } fields[] = {
        { PG_DIAG_TABLE_NAME, "table" },
        { PG_DIAG_COLUMN_NAME, "column" },
        { PG_DIAG_DATATYPE_NAME, "type" },
        { PG_DIAG_CONSTRAINT_NAME, "constraint" },
    };
    char text[sizeof(err->object)] = "";
    size_t len = 0;

    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        const char *name = PQresultErrorField(res, fields[i].field);

        if (name != NULL && len < sizeof(text))
            len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s %s",
                                    len > 0 ? ", " : "", fields[i].word, name);
    }
    error_text(err->object, sizeof(err->object), text);
}

/*
 * The line of the body that was sent: a DO block's is said last in CONTEXT, behind the
 * functions that it called; of a function only what fails while it is compiled stands in
 * the statement itself.
 */
static size_t
body_line(const char *context)
{
    static const char *const words[] = { "inline_code_block line ", "near line " };

    for (size_t i = 0; context != NULL && i < sizeof(words) / sizeof(words[0]); i++) {
        const char *found = NULL, *next = context;

        while ((next = strstr(next, words[i])) != NULL)
            found = next += strlen(words[i]);
        if (found != NULL)
            return (size_t)strtoul(found, NULL, 10);
    }
    return 0;
}

static void
read_fields(const PGresult *res, struct error *err)
{
    const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
    const char *position = PQresultErrorField(res, PG_DIAG_STATEMENT_POSITION);
    const char *context = PQresultErrorField(res, PG_DIAG_CONTEXT);

    error_text(err->sqlstate, sizeof(err->sqlstate), state);
    error_text(err->detail, sizeof(err->detail),
               PQresultErrorField(res, PG_DIAG_MESSAGE_DETAIL));
    error_text(err->hint, sizeof(err->hint),
               PQresultErrorField(res, PG_DIAG_MESSAGE_HINT));
    error_text(err->where, sizeof(err->where), context);
    err->position = position != NULL ? (size_t)strtoul(position, NULL, 10) : 0;
    err->body_line = body_line(context);
    read_object(res, err);
}

/* Hidden before it is cut: half a secret would not be found. */
static bool
connection_error(struct session *session, const PGresult *res, struct error *err)
{
    char *text =
        xstrdup(res != NULL ? PQresultErrorMessage(res) : PQerrorMessage(session->conn));
    size_t len;

    conninfo_hide(&session->server->secrets, text);
    len = strlen(text);
    while (len > 0 && text[len - 1] == '\n')
        text[--len] = '\0';
    session->lost = session->lost || PQstatus(session->conn) == CONNECTION_BAD;
    error_set(err, ERROR_SQL, "%s", text);
    if (session->lost) {
        error_set(err, ERROR_CONNECT, "the connection to the server was lost");
        error_detail(err, "%s", text);
    }
    free(text);
    return false;
}

bool
exec_error(struct session *session, const PGresult *res, struct error *err)
{
    const char *text =
        res != NULL ? PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    const char *severity;

    if (text == NULL)
        return connection_error(session, res, err);
    error_set(err, ERROR_SQL, "%s", text);
    read_fields(res, err);
    severity = PQresultErrorField(res, PG_DIAG_SEVERITY_NONLOCALIZED);
    if (severity != NULL &&
        (strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0)) {
        session->lost = true;
        err->kind = ERROR_CONNECT;
    }
    return false;
}

/*
 * COPY has no other end here. Left alone, PQgetResult() would answer PGRES_COPY_IN for
 * ever (measured).
 */
static bool
end_copy(struct wait *wait, ExecStatusType status)
{
    PGconn *conn = wait->session->conn;
    char *row;
    int got;

    if (status == PGRES_COPY_IN)
        return PQputCopyEnd(conn, "COPY FROM STDIN needs its data in the file") == 1;
    if (status != PGRES_COPY_OUT)
        return true;
    while ((got = PQgetCopyData(conn, &row, 1)) >= 0) {
        if (got > 0)
            PQfreemem(row);
        else if (!wait_for(wait, POLLIN))
            return false;
    }
    return true;
}

PGresult *
exec_last_words(PGconn *conn)
{
    return PQstatus(conn) == CONNECTION_BAD ? PQgetResult(conn) : NULL;
}

/* The last result of what was sent; NULL with session->lost set, or after a failed send. */
static PGresult *
last_result(struct wait *wait)
{
    PGconn *conn = wait->session->conn;
    PGresult *last = NULL, *next;

    for (;;) {
        if (!wait_answer(wait))
            return last != NULL ? last : exec_last_words(conn);
        next = PQgetResult(conn);
        if (next == NULL || !end_copy(wait, PQresultStatus(next))) {
            PQclear(next);
            return last;
        }
        /* An error is followed by nothing better. */
        if (last != NULL && !exec_is_ok(last) && PQresultStatus(last) != PGRES_COPY_IN &&
            PQresultStatus(last) != PGRES_COPY_OUT)
            PQclear(next);
        else {
            PQclear(last);
            last = next;
        }
    }
}

bool
exec_send(PGconn *conn, const char *sql, const struct pg_params *params)
{
    static const struct pg_params none;

    if (params == NULL)
        params = &none;
    return PQsendQueryParams(conn, sql, params->count, NULL, params->values,
                             params->lengths, params->formats, 0) == 1;
}

static bool
take_last(struct wait *wait, bool sent, PGresult **res, struct error *err)
{
    struct session *session = wait->session;
    PGresult *last;

    *res = NULL;
    if (!sent)
        return exec_error(session, NULL, err);
    session->syncs++;
    last = last_result(wait);
    if (last != NULL && exec_is_ok(last) && !session->lost) {
        *res = last;
        return true;
    }
    exec_error(session, last, err);
    PQclear(last);
    return wait_error(wait, err);
}

bool
exec_query(struct session *session, const char *sql, const struct pg_params *params,
           PGresult **res, struct error *err)
{
    struct wait wait = wait_begin(session);

    if (pooler_wraps(session))
        return pooler_query(session, sql, params, res, err);
    return take_last(&wait, exec_send(session->conn, sql, params), res, err);
}

bool
exec_simple(struct session *session, const char *sql, PGresult **res, struct error *err)
{
    struct wait wait = wait_begin(session);

    return take_last(&wait, PQsendQuery(session->conn, sql) == 1, res, err);
}

bool
exec_outside(struct session *session, const char *sql, const struct pg_params *params,
             PGresult **res, struct error *err)
{
    if (session->server->pooled)
        return pooler_outside(session, sql, params, res, err);
    return exec_query(session, sql, params, res, err);
}

bool
exec_text(struct session *session, const char *sql, const struct pg_params *params,
          struct arena *arena, const char **text, struct error *err)
{
    PGresult *res;

    *text = NULL;
    if (!exec_query(session, sql, params, &res, err))
        return false;
    if (PQntuples(res) > 0)
        *text = arena_strdup(arena, exec_value(res, 0, 0));
    PQclear(res);
    return true;
}

bool
exec_command(struct session *session, const char *sql, const struct pg_params *params,
             struct error *err)
{
    PGresult *res;

    if (!exec_query(session, sql, params, &res, err))
        return false;
    PQclear(res);
    return true;
}

/* Who is beaten to it meets the schema, the table, its row type or a unique index. */
bool
exec_create(struct session *session, const char *sql, struct error *err)
{
    static const char *const beaten[] = { "42P06", "42P07", "42710", "23505" };

    if (exec_command(session, sql, NULL, err))
        return true;
    for (size_t i = 0; i < sizeof(beaten) / sizeof(beaten[0]); i++) {
        if (strcmp(err->sqlstate, beaten[i]) == 0)
            return true;
    }
    return false;
}

bool
exec_commit(struct session *session, struct error *err)
{
    PGresult *res;
    bool committed;

    if (!(session->prologue != NULL ? pooler_commit(session, &res, err)
                                    : exec_query(session, "COMMIT", NULL, &res, err)))
        return false;
    committed = strcmp(PQcmdStatus(res), "COMMIT") == 0;
    PQclear(res);
    if (!committed)
        return error_set(err, ERROR_SQL,
                         "rolled back: a statement of the transaction had failed");
    return true;
}

bool
exec_rollback(struct session *session, struct error *err)
{
    switch (PQtransactionStatus(session->conn)) {
    case PQTRANS_INTRANS:
    case PQTRANS_INERROR:
        if (session->prologue != NULL)
            return pooler_rollback(session, err);
        return exec_command(session, "ROLLBACK", NULL, err);
    case PQTRANS_IDLE:
    case PQTRANS_ACTIVE:
    case PQTRANS_UNKNOWN: break;
    }
    return true;
}
