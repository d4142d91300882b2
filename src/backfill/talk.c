#include "backfill/talk.h"

#define A_SECOND 1000

/* The time that a signal leaves starts when it is noticed. */
static void
notice_signal(struct patience *patience)
{
    if (patience != NULL && patience->outer->signals && stop_signal() != 0 &&
        patience->stop.clocks[LIMIT_GRACE].limit == 0)
        stop_limit(&patience->stop, LIMIT_GRACE, A_SECOND);
}

void
patience_begin(struct patience *patience, struct server *server)
{
    patience->outer = server->stop;
    patience->server = server;
    patience->stop = *server->stop;
    patience->stop.signals = false;
    server->stop = &patience->stop;
}

void
patience_end(struct patience *patience)
{
    patience->server->stop = patience->outer;
}

static void
fail(struct talk *talk, const PGresult *res)
{
    struct error later = { 0 };

    /* Only the first failure counts. */
    exec_error(talk->session, res, talk->failed ? &later : &talk->error);
    talk->failed = true;
}

static bool
is_lost(const struct talk *talk)
{
    return talk->session->lost || PQstatus(talk->session->conn) != CONNECTION_OK;
}

void
talk_begin(struct talk *talk)
{
    talk->failed = talk->output_waits = false;
    talk->sent = talk->answered = talk->syncs = talk->synced = 0;
    talk->wait = wait_begin(talk->session);
    if (PQenterPipelineMode(talk->session->conn) != 1)
        fail(talk, NULL);
}

static void
flush(struct talk *talk)
{
    int left = PQflush(talk->session->conn);

    talk->output_waits = left == 1;
    if (left < 0)
        fail(talk, NULL);
}

void
talk_send(struct talk *talk, int id, const char *sql, const struct pg_params *params)
{
    if (talk->failed)
        return;
    if (talk->sent == TALK_MOST || !exec_send(talk->session->conn, sql, params)) {
        fail(talk, NULL);
        return;
    }
    talk->ids[talk->sent++] = id;
}

void
talk_hurry(struct talk *talk)
{
    if (talk->failed)
        return;
    if (PQsendFlushRequest(talk->session->conn) != 1)
        fail(talk, NULL);
    else
        flush(talk);
}

/* Sent after a failure too: the server skips everything up to it. */
void
talk_sync(struct talk *talk)
{
    if (is_lost(talk))
        return;
    if (PQpipelineSync(talk->session->conn) != 1) {
        fail(talk, NULL);
        return;
    }
    talk->session->syncs++;
    talk->syncs++;
    flush(talk);
}

static void
take(struct talk *talk, PGresult *res)
{
    int id = talk->answered < talk->sent ? talk->ids[talk->answered] : -1;

    switch (PQresultStatus(res)) {
    case PGRES_PIPELINE_SYNC: talk->synced++; return;
    case PGRES_PIPELINE_ABORTED: talk->answered++; return;
    case PGRES_SINGLE_TUPLE: talk->on_row(talk->ctx, id, res); return;
    default: break;
    }
    if (exec_is_ok(res))
        talk->on_end(talk->ctx, id, res);
    else
        fail(talk, res);
    talk->answered++;
}

/* One result, of which NULL stands between two statements. false: nothing is there yet. */
static bool
take_one(struct talk *talk)
{
    PGresult *res;

    PQsetSingleRowMode(talk->session->conn); /* answers 0 in an aborted pipeline */
    if (PQisBusy(talk->session->conn))
        return false;
    res = PQgetResult(talk->session->conn);
    if (res != NULL)
        take(talk, res);
    PQclear(res);
    return true;
}

static bool
is_over(const struct talk *talk)
{
    return is_lost(talk) || (talk->synced == talk->syncs &&
                             (talk->failed || talk->answered == talk->sent));
}

bool
talk_is_answered(const struct talk *talk, int id)
{
    if (talk->failed || is_lost(talk))
        return true;
    for (size_t i = talk->answered; i < talk->sent; i++) {
        if (talk->ids[i] == id)
            return false;
    }
    return true;
}

/* What came is taken before anything is waited for. */
bool
talk_hear(struct talk *talk, bool wait)
{
    size_t answered = talk->answered, synced = talk->synced;

    while (!is_over(talk) && take_one(talk))
        ;
    if (is_over(talk))
        return false;
    if (talk->output_waits)
        flush(talk);
    if (wait && (answered != talk->answered || synced != talk->synced))
        return true;
    if (!wait) {
        if (PQconsumeInput(talk->session->conn) != 1)
            talk->session->lost = true;
        return true;
    }
    if (!wait_for(&talk->wait, (short)(POLLIN | (talk->output_waits ? POLLOUT : 0))))
        talk->session->lost = true;
    notice_signal(talk->patience);
    return true;
}

/* A grace that passed was a signal's. */
static bool
explain(struct talk *talk, struct error *err)
{
    struct stop told = { .signals = true };

    *err = talk->error;
    if (talk->wait.cause == STOP_GRACE && stop_signal() != 0)
        return wait_cause_error(&told, STOP_SIGNAL, err);
    return wait_error(&talk->wait, err);
}

bool
talk_end(struct talk *talk, struct error *err)
{
    while (talk_hear(talk, true))
        ;
    if (is_lost(talk)) {
        PGresult *last = exec_last_words(talk->session->conn);

        talk->session->lost = true;
        fail(talk, exec_is_ok(last) ? NULL : last);
        PQclear(last);
    }
    if (PQexitPipelineMode(talk->session->conn) != 1)
        talk->session->lost = true;
    return !talk->failed || explain(talk, err);
}
