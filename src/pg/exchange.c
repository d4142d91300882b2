#include "pg/exchange.h"

#include <string.h>

#include "pg/pooler.h"

struct exchange
exchange_begin(struct session *session, size_t kept)
{
    session->syncs++;
    return (struct exchange){ .session = session,
                              .wait = wait_begin(session),
                              .sent = PQenterPipelineMode(session->conn) == 1,
                              .kept = kept };
}

void
exchange_say(struct exchange *x, const char *sql, const struct pg_params *params)
{
    x->sent = x->sent && exec_send(x->session->conn, sql, params);
}

void
exchange_sync(struct exchange *x)
{
    x->sent = x->sent && PQpipelineSync(x->session->conn) == 1;
    x->syncs++;
}

void
exchange_hurry(struct exchange *x)
{
    x->sent = x->sent && PQsendFlushRequest(x->session->conn) == 1;
}

/* Prologues answer with the pid; the wanted result, and the first failure, are kept. */
static void
take(struct exchange *x, PGresult *res)
{
    PGresult **place = x->at == x->kept ? &x->result : &x->failed;

    if (x->at != x->kept && PQresultStatus(res) == PGRES_TUPLES_OK &&
        PQfname(res, 0) != NULL && strcmp(PQfname(res, 0), "pg_backend_pid") == 0) {
        pooler_note_backend(x->session, res);
        x->last = x->session->pid;
        x->first = x->first != 0 ? x->first : x->last;
    }
    if (*place != NULL || (place == &x->failed && exec_is_ok(res)) ||
        PQresultStatus(res) == PGRES_PIPELINE_ABORTED)
        PQclear(res);
    else
        *place = res;
}

/* Hears all answers; false: the connection is lost. */
static bool
hear(struct exchange *x)
{
    PGconn *conn = x->session->conn;

    while (x->syncs > 0) {
        PGresult *res;

        /* What follows the wanted one cleans up: a cancel must not hit it. */
        x->wait.deaf = x->at > x->kept;
        if (!wait_answer(&x->wait))
            return false;
        res = PQgetResult(conn);
        if (res == NULL) {
            x->at++;
        } else if (PQresultStatus(res) == PGRES_PIPELINE_SYNC) {
            x->syncs--;
            PQclear(res);
        } else {
            take(x, res);
        }
        if (PQstatus(conn) != CONNECTION_OK)
            return false;
    }
    return true;
}

bool
exchange_end(struct exchange *x, bool as_one, PGresult **res, struct error *err)
{
    struct session *session = x->session;
    bool alive = x->sent && hear(x), ok;
    bool own = x->result != NULL && !exec_is_ok(x->result);

    *res = NULL;
    session->lost = session->lost || !alive;
    if (!alive && x->result == NULL && x->failed == NULL)
        x->failed = exec_last_words(session->conn);
    PQexitPipelineMode(session->conn);
    ok = alive && exec_is_ok(x->result) && (!as_one || x->failed == NULL);
    if (ok)
        *res = x->result;
    else
        exec_error(session, own ? x->result : x->failed, err);
    if (!ok)
        PQclear(x->result);
    PQclear(x->failed);
    return ok || wait_error(&x->wait, err);
}
