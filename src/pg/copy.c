#include "pg/copy.h"

#include <stdlib.h>

#include "pg/control.h"
#include "pg/exec.h"

static bool
flush(struct copy *copy)
{
    int left;

    while ((left = PQflush(copy->session->conn)) == 1) {
        if (!wait_for(&copy->wait, POLLIN | POLLOUT))
            return false;
    }
    return left == 0;
}

/* The next result, or NULL where there is none or the connection is lost. */
static PGresult *
next_result(struct copy *copy)
{
    return wait_answer(&copy->wait) ? PQgetResult(copy->session->conn) : NULL;
}

/* Reads up to the end of the command; the first error counts. */
static bool
finish(struct copy *copy, PGresult *res, int64_t *rows, struct error *err)
{
    struct session *session = copy->session;
    bool ok = res != NULL && exec_is_ok(res);

    if (!ok)
        exec_error(session, res, err);
    else if (rows != NULL)
        *rows = strtoll(PQcmdTuples(res), NULL, 10);
    PQclear(res);
    while (!session->lost && (res = next_result(copy)) != NULL)
        PQclear(res);
    copy->session = NULL;
    return ok || wait_error(&copy->wait, err);
}

bool
copy_begin(struct copy *copy, struct session *session, const char *sql, struct error *err)
{
    PGresult *res;
    ExecStatusType status;

    *copy = (struct copy){ .session = session, .wait = wait_begin(session) };
    if (!exec_send(session->conn, sql, NULL))
        return finish(copy, NULL, NULL, err);
    session->syncs++;
    res = next_result(copy);
    status = PQresultStatus(res);
    if (status != PGRES_COPY_IN && status != PGRES_COPY_OUT)
        return finish(copy, res, NULL, err);
    PQclear(res);
    return true;
}

/* false: the session is lost; in the middle of a COPY it is good for nothing else. */
static bool
send_end(struct copy *copy, const char *refuse)
{
    bool ok;
    int put;

    while ((put = PQputCopyEnd(copy->session->conn, refuse)) == 0) {
        if (!wait_for(&copy->wait, POLLIN | POLLOUT))
            break;
    }
    ok = put == 1 && flush(copy);
    copy->session->lost = copy->session->lost || !ok;
    return ok;
}

bool
copy_put(struct copy *copy, const char *bytes, size_t len, struct error *err)
{
    int put;

    while ((put = PQputCopyData(copy->session->conn, bytes, (int)len)) == 0) {
        if (!wait_for(&copy->wait, POLLIN | POLLOUT))
            break;
    }
    if (put == 1 && flush(copy) && copy->wait.cause == STOP_NONE && !copy->wait.lock_lost)
        return true;
    /* Without its end no result would ever come but PGRES_COPY_IN. */
    send_end(copy, "luamig stops");
    return finish(copy, next_result(copy), NULL, err);
}

bool
copy_end(struct copy *copy, const char *refuse, int64_t *rows, struct error *err)
{
    bool sent = send_end(copy, refuse);

    return finish(copy, sent ? next_result(copy) : NULL, rows, err);
}

enum copy_got
copy_get(struct copy *copy, char **row, size_t *len, struct error *err)
{
    int got;

    while ((got = PQgetCopyData(copy->session->conn, row, 1)) == 0) {
        if (!wait_for(&copy->wait, POLLIN))
            break;
    }
    if (got > 0) {
        *len = (size_t)got;
        return COPY_ROW;
    }
    return finish(copy, next_result(copy), NULL, err) ? COPY_END : COPY_FAILED;
}

void
copy_abandon(struct copy *copy)
{
    struct error ignored = { 0 };
    enum copy_got got = COPY_ROW;
    char *row;
    size_t len;

    if (copy->session == NULL)
        return;
    control_cancel(copy->session);
    while (got == COPY_ROW) {
        got = copy_get(copy, &row, &len, &ignored);
        if (got == COPY_ROW)
            PQfreemem(row);
    }
}
