#include "pg/pipeline.h"

#include <string.h>

#include "base/strbuf.h"
#include "pg/lease.h"
#include "pg/pooler.h"
#include "pg/wait.h"

#define WINDOW       256  /* statements on their way; more than FLUSH_STRIDE */
#define FEW          1000 /* lists up to this long flush after every statement */
#define FLUSH_STRIDE 100
#define LARGE        8192 /* bytes of a statement */

struct run {
    struct pipeline *pipeline;
    PGconn *conn;
    struct wait wait;
    struct strbuf sql; /* the statement that is being sent, NUL-terminated */
    struct error *err;
    bool failed;
    bool confirmed; /* the lease, where that is asked for */
    bool sync_sent;
    bool output_waits; /* libpq holds bytes that the socket did not take */
};

/* Of what is large libpq makes two copies; a third is one too many. */
static bool
send_in_place(struct run *run, const struct pipeline_item *item)
{
    char *end = (char *)(uintptr_t)item->sql + item->length, behind = *end;
    bool ok;

    *end = '\0';
    ok = exec_send(run->conn, item->sql, item->params);
    *end = behind;
    return ok;
}

static bool
send_item(struct run *run, const struct pipeline_item *item)
{
    if (item->writable && item->length > LARGE)
        return send_in_place(run, item);
    strbuf_reset(&run->sql);
    strbuf_add(&run->sql, item->sql, item->length);
    return exec_send(run->conn, run->sql.text, item->params);
}

static bool
fail(struct run *run, const PGresult *res)
{
    struct error later = { 0 };

    /* Only the first failure counts. */
    exec_error(run->pipeline->session, res, run->failed ? &later : run->err);
    run->failed = true;
    return false;
}

/*
 * The server keeps its answers until Flush, Sync or 8 KB; progress and "statement n of m"
 * live on them.
 */
static bool
wants_flush(const struct pipeline *pipeline, size_t item)
{
    if (item % FLUSH_STRIDE == FLUSH_STRIDE - 1 || item + 1 == pipeline->confirm)
        return true;
    return pipeline->count <= FEW && pipeline->items[item].flush;
}

static bool
flush_output(struct run *run)
{
    int left = PQflush(run->conn);

    run->output_waits = left == 1;
    return left >= 0;
}

/* How many items may go out: the lease is confirmed when all before have succeeded. */
static size_t
sendable(const struct run *run)
{
    const struct pipeline *p = run->pipeline;

    return p->confirm > 0 && !run->confirmed ? p->confirm : p->count;
}

static bool
is_to_confirm(const struct run *run)
{
    return !run->failed && !run->confirmed && run->pipeline->confirm > 0 &&
           run->pipeline->answered == run->pipeline->confirm;
}

static bool
confirm(struct run *run)
{
    run->confirmed = lease_confirm(run->pipeline->session->server, run->err);
    run->failed = !run->confirmed;
    return run->confirmed;
}

/* Sends as much as the window allows, and the Sync behind the last or after a failure. */
static bool
send_some(struct run *run)
{
    struct pipeline *p = run->pipeline;

    while (!run->failed && p->sent < sendable(run) && p->sent - p->answered < WINDOW &&
           !run->output_waits) {
        if (!send_item(run, &p->items[p->sent]))
            return false;
        if (wants_flush(p, p->sent) && PQsendFlushRequest(run->conn) != 1)
            return false;
        /* Small ones go out together; libpq sends by itself from 8 KB on. */
        if (p->items[p->sent++].length > LARGE && !flush_output(run))
            return false;
    }
    if (!run->sync_sent && (run->failed || p->sent == p->count)) {
        if (PQpipelineSync(run->conn) != 1)
            return false;
        p->session->syncs++;
        run->sync_sent = true;
    }
    return flush_output(run);
}

static bool
accept(struct run *run, const PGresult *res)
{
    struct pipeline *p = run->pipeline;

    if (!exec_is_ok(res))
        return fail(run, res);
    if (!run->failed && p->on_result != NULL &&
        !p->on_result(p->ctx, p->answered, res, run->err))
        run->failed = true;
    return !run->failed;
}

/* Rows are dropped, but for the one that says who is at work. */
static void
take_row(const struct pipeline *p, const PGresult *res)
{
    if (p->items[p->answered].backend)
        pooler_note_backend(p->session, res);
}

/* Takes one result in; *done: the Sync's answer came. false: nothing to take yet. */
static bool
take_result(struct run *run, bool *done)
{
    struct pipeline *p = run->pipeline;
    PGresult *res;

    PQsetSingleRowMode(run->conn); /* answers 0 in an aborted pipeline: no matter */
    if (PQisBusy(run->conn))
        return false;
    res = PQgetResult(run->conn);
    switch (PQresultStatus(res)) {
    case PGRES_PIPELINE_SYNC: *done = true; break;
    case PGRES_PIPELINE_ABORTED: break;
    case PGRES_SINGLE_TUPLE: take_row(p, res); break;
    default:
        if (res != NULL && accept(run, res))
            p->answered++;
    }
    PQclear(res);
    return true;
}

/* A failure ends what the server owes: it skips everything up to a Sync. */
static bool
is_owed(const struct run *run)
{
    return run->sync_sent ||
           (!run->failed && run->pipeline->answered < run->pipeline->sent);
}

/* What was answered since: results of items come one by one, NULL between them. */
static bool
take_results(struct run *run, bool *done)
{
    while (!*done && is_owed(run)) {
        if (!take_result(run, done))
            break;
        if (PQstatus(run->conn) != CONNECTION_OK)
            return false;
    }
    return true;
}

static bool
converse(struct run *run)
{
    bool done = false;

    while (!done) {
        if (!send_some(run) || !take_results(run, &done))
            return false;
        if (is_to_confirm(run))
            confirm(run);
        else if (!done && (is_owed(run) || run->output_waits) &&
                 !wait_for(&run->wait,
                           (short)(POLLIN | (run->output_waits ? POLLOUT : 0))))
            return false;
    }
    return true;
}

static bool
run_piped(struct run *run)
{
    if (PQenterPipelineMode(run->conn) != 1)
        return fail(run, NULL);
    if (!converse(run)) {
        PGresult *last = exec_last_words(run->conn);

        run->pipeline->session->lost = true;
        fail(run, exec_is_ok(last) ? NULL : last);
        PQclear(last);
    }
    PQexitPipelineMode(run->conn);
    return !run->failed;
}

#define COPY_CHUNK ((size_t)64 * 1024)

/* Feeds the data, looking up for signals between the chunks. false: it ends here. */
static bool
put_copy_data(struct run *run, const struct pipeline_item *item)
{
    const struct stop *stop = run->pipeline->session->server->stop;
    size_t done = 0;

    while (done < item->copy_length) {
        size_t len = item->copy_length - done;
        int put;

        if (stop_cause(stop) != STOP_NONE) {
            wait_for(&run->wait, POLLIN | POLLOUT); /* takes note of it */
            return false;
        }
        len = len < COPY_CHUNK ? len : COPY_CHUNK;
        put = PQputCopyData(run->conn, item->copy_data + done, (int)len);
        if (put < 0)
            return false;
        done += put > 0 ? len : 0;
        if (PQflush(run->conn) == 1 && !wait_for(&run->wait, POLLIN | POLLOUT))
            return false;
    }
    return true;
}

static bool
end_copy_in(struct run *run, const struct pipeline_item *item)
{
    const char *refuse =
        item->copy_data == NULL ? "COPY FROM STDIN needs its data in the file" : NULL;

    /* A failure shows in the next result. */
    if (refuse == NULL && !put_copy_data(run, item))
        refuse = "luamig stops";
    while (PQputCopyEnd(run->conn, refuse) == 0) {
        if (!wait_for(&run->wait, POLLIN | POLLOUT))
            return false;
    }
    return true;
}

static bool
drop_copy_out(struct run *run)
{
    char *row;
    int got;

    while ((got = PQgetCopyData(run->conn, &row, 1)) >= 0) {
        if (got > 0)
            PQfreemem(row);
        else if (!wait_for(&run->wait, POLLIN))
            return false;
    }
    return true;
}

static bool
take_serial(struct run *run, const struct pipeline_item *item, const PGresult *res)
{
    switch (PQresultStatus(res)) {
    case PGRES_SINGLE_TUPLE: take_row(run->pipeline, res); return true;
    case PGRES_COPY_IN: return end_copy_in(run, item);
    case PGRES_COPY_OUT: return drop_copy_out(run);
    default: accept(run, res);
    }
    return true;
}

static bool
run_item(struct run *run, const struct pipeline_item *item)
{
    PGresult *res;
    bool alive = send_item(run, item);

    run->pipeline->session->syncs++;
    while (alive) {
        PQsetSingleRowMode(run->conn);
        alive = wait_answer(&run->wait);
        if (!alive || (res = PQgetResult(run->conn)) == NULL)
            break;
        alive = take_serial(run, item, res) && PQstatus(run->conn) == CONNECTION_OK;
        PQclear(res);
    }
    if (!alive)
        fail(run, NULL);
    return !run->failed;
}

static bool
run_serial(struct run *run)
{
    struct pipeline *p = run->pipeline;

    for (; p->answered < p->count; p->answered++) {
        if (is_to_confirm(run) && !confirm(run))
            return false;
        p->sent = p->answered + 1;
        if (!run_item(run, &p->items[p->answered]))
            return false;
    }
    return true;
}

bool
pipeline_run(struct pipeline *pipeline, struct error *err)
{
    struct run run = { .pipeline = pipeline,
                       .conn = pipeline->session->conn,
                       .wait = wait_begin(pipeline->session),
                       .err = err };
    bool ok;

    pipeline->sent = pipeline->answered = 0;
    ok = pipeline->serial ? run_serial(&run) : run_piped(&run);
    strbuf_release(&run.sql);
    return ok || wait_error(&run.wait, err);
}
