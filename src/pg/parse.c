#include "pg/parse.h"

#include <string.h>

#include "base/strbuf.h"
#include "pg/exec.h"
#include "pg/wait.h"

#define WINDOW 200
#define POOLED 1 /* behind a pooler: see pooler_outside() */

/* Analysis locks the tables of a statement; a busy one must not hold us up. */
static const char patient[] = "SET lock_timeout = '100ms'";
static const char hasty[] = "SET lock_timeout = '1ms'";
static const char usual[] = "RESET lock_timeout";

/* Behind a pooler each goes with its timeout; up to the Sync they are one transaction. */
static const char with_patience[] =
    "SELECT pg_catalog.set_config('lock_timeout', '100ms', true)";
static const char with_haste[] =
    "SELECT pg_catalog.set_config('lock_timeout', '1ms', true)";

struct check {
    struct session *session;
    const struct parse_text *texts;
    size_t count, sent, answered; /* answered counts Syncs */
    size_t failed;
    struct wait wait;
    struct strbuf sql;
    struct error *err;
    bool busy;           /* a statement met a lock: do not wait for further ones */
    const char *timeout; /* behind a pooler: sent with each; NULL: the session has it */
};

static bool
is_any(const char *word, const char *const *list)
{
    for (; word != NULL && *list != NULL; list++) {
        if (strcmp(word, *list) == 0)
            return true;
    }
    return false;
}

/* DESIGN 6: who raised it tells grammar from analysis. */
static bool
is_grammar(const PGresult *res)
{
    static const char *const files[] = { "gram.y", "scan.l", "parser.c", NULL };
    static const char *const states[] = { "22021", "22P05", NULL };
    const char *file = PQresultErrorField(res, PG_DIAG_SOURCE_FILE);
    const char *function = PQresultErrorField(res, PG_DIAG_SOURCE_FUNCTION);

    if (is_any(file, files) || is_any(PQresultErrorField(res, PG_DIAG_SQLSTATE), states))
        return true;
    return file != NULL && strcmp(file, "postgres.c") == 0 && function != NULL &&
           strcmp(function, "exec_parse_message") == 0;
}

static void
judge(struct check *check, const PGresult *res)
{
    const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);

    if (state != NULL && strcmp(state, "55P03") == 0)
        check->busy = true;
    if (check->failed < check->count || !is_grammar(res))
        return;
    check->failed = check->answered;
    exec_error(check->session, res, check->err);
}

static bool
send_one(struct check *check)
{
    const struct parse_text *text = &check->texts[check->sent++];
    PGconn *conn = check->session->conn;

    strbuf_reset(&check->sql);
    strbuf_add(&check->sql, text->sql, text->length);
    if (check->timeout != NULL &&
        PQsendQueryParams(conn, check->timeout, 0, NULL, NULL, NULL, NULL, 0) != 1)
        return false;
    return PQsendPrepare(conn, "", check->sql.text, 0, NULL) == 1 &&
           PQpipelineSync(conn) == 1;
}

static bool
take_all(struct check *check)
{
    PGconn *conn = check->session->conn;

    while (check->answered < check->sent && !PQisBusy(conn)) {
        PGresult *res = PQgetResult(conn);
        ExecStatusType status = PQresultStatus(res);

        if (status == PGRES_PIPELINE_SYNC)
            check->answered++;
        else if (res != NULL && !exec_is_ok(res))
            judge(check, res);
        PQclear(res);
        if (PQstatus(conn) != CONNECTION_OK)
            return false;
    }
    return true;
}

/* Sends and takes until every text of [sent, until) is answered. */
static bool
converse(struct check *check, size_t until)
{
    PGconn *conn = check->session->conn;
    size_t window = check->timeout != NULL ? POOLED : WINDOW;

    while (check->answered < until) {
        int left;

        while (check->sent < until && check->sent - check->answered < window) {
            if (!send_one(check))
                return false;
        }
        left = PQflush(conn);
        if (left < 0 || !take_all(check))
            return false;
        if (check->wait.cause != STOP_NONE)
            return true;
        if (check->answered < check->sent &&
            !wait_for(&check->wait, (short)(POLLIN | (left == 1 ? POLLOUT : 0))))
            return false;
    }
    return true;
}

static bool
hurry(struct check *check)
{
    if (check->timeout == NULL)
        return exec_command(check->session, hasty, NULL, check->err);
    check->timeout = with_haste;
    return true;
}

static bool
run(struct check *check)
{
    PGconn *conn = check->session->conn;
    bool alive = true, hurried = false;

    while (alive && check->answered < check->count && check->wait.cause == STOP_NONE) {
        size_t until = check->answered + WINDOW;

        if (PQenterPipelineMode(conn) != 1)
            return false;
        alive = converse(check, until < check->count ? until : check->count);
        if (PQexitPipelineMode(conn) != 1)
            alive = false;
        if (alive && check->busy && !hurried) {
            alive = hurry(check);
            hurried = true;
        }
    }
    return alive;
}

bool
parse_check(struct session *session, const struct parse_text *texts, size_t count,
            size_t *failed, struct error *err)
{
    struct check check = { .session = session,
                           .texts = texts,
                           .count = count,
                           .failed = count,
                           .wait = wait_begin(session),
                           .err = err };
    bool ok;

    *failed = count;
    if (session->server->pooled)
        check.timeout = with_patience;
    else if (!exec_command(session, patient, NULL, err))
        return false;
    ok = run(&check);
    strbuf_release(&check.sql);
    *failed = check.failed;
    if (!ok) {
        session->lost = true;
        exec_error(session, NULL, err);
        return wait_error(&check.wait, err);
    }
    if (check.wait.cause != STOP_NONE)
        return wait_cause_error(session->server->stop, check.wait.cause, err);
    return check.failed == count &&
           (check.timeout != NULL || exec_command(session, usual, NULL, err));
}
