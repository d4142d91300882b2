#include "pg/control.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pg/exec.h"

#define ANSWER_WITHIN 2000 /* ms that control may take for one question */

/* A stop of its own: control must answer while the run itself is being stopped. */
static bool
ask(struct session *control, const char *sql, const struct pg_params *params)
{
    struct server *server = control->server;
    struct stop *outer = server->stop, brief = { 0 };
    struct error err = { 0 };
    bool ok;

    stop_limit(&brief, LIMIT_GRACE, ANSWER_WITHIN);
    server->stop = &brief;
    ok = exec_command(control, sql, params, &err);
    server->stop = outer;
    if (!ok && control->lost)
        session_close(control);
    return ok;
}

static void
refuse(struct server *server, const char *why)
{
    server->control_refused = true;
    if (server->notices != NULL)
        log_add(server->notices, why);
}

struct session *
control_get(struct server *server)
{
    struct stop *outer = server->stop, brief = { 0 };
    struct error err = { 0 };
    bool ok;

    if (server->control.conn != NULL && !server->control.lost)
        return &server->control;
    if (server->control_refused)
        return NULL;
    session_close(&server->control);
    stop_limit(&brief, LIMIT_GRACE, ANSWER_WITHIN);
    server->stop = &brief;
    ok = session_open(server, SESSION_CONTROL, &err);
    server->stop = outer;
    if (ok)
        return &server->control;
    refuse(server,
           "no connection for progress and blockers could be had; the run goes on "
           "without");
    return NULL;
}

void
control_check(struct server *server)
{
    struct session *control = &server->control;

    if (control->conn == NULL || !control->lost)
        return;
    session_close(control);
    if (server->pooled)
        refuse(server,
               "no connection for progress and blockers was free in the pool; the "
               "run goes on without");
}

/* The child must not run our exit handlers nor touch the connection's buffers. */
static void
cancel_in_child(struct session *session)
{
    PGcancel *cancel = PQgetCancel(session->conn);
    char text[256];
    pid_t child;

    if (cancel == NULL)
        return;
    child = fork();
    if (child == 0) {
        alarm(2);
        PQcancel(cancel, text, sizeof(text));
        _exit(0);
    }
    PQfreeCancel(cancel);
    if (child > 0)
        waitpid(child, NULL, 0);
}

void
control_cancel(struct session *session)
{
    struct server *server = session->server;
    struct session *control;
    char pid[32];

    /* Behind a pooler that pid may be at work for the application by now. */
    if (session->role == SESSION_CONTROL || server->pooled || !server->met) {
        cancel_in_child(session);
        return;
    }
    control = control_get(server);
    snprintf(pid, sizeof(pid), "%d", session->pid);
    if (control == NULL ||
        !ask(control, "SELECT pg_catalog.pg_cancel_backend($1::pg_catalog.int4)",
             PG_PARAMS(pid)))
        cancel_in_child(session);
}
