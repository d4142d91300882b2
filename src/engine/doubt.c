#include "engine/doubt.h"

#include <stdio.h>

#include "engine/aftermath.h"
#include "pg/control.h"
#include "pg/exec.h"
#include "pg/lock.h"
#include "pg/wait.h"

#define MOST_LOSSES   3     /* of one migration */
#define A_MINUTE      60000 /* ms for connecting again */
#define BETWEEN_TRIES 250   /* ms */

bool
doubt_is(const struct migrator *m, const struct error *err)
{
    if (m->server.work.lost)
        return m->settings->lock != LOCK_LEASE || m->server.lock_lost == NULL;
    return err->kind == ERROR_LOCK && m->settings->lock == LOCK_ADVISORY &&
           !m->second.refused;
}

static void
tell(struct migrator *m, const char *text)
{
    migrator_notify(m, (struct event){ .kind = EVENT_NOTICE,
                                       .level = PROBLEM_WARNING,
                                       .text = text });
}

/* A new work session; the stop causes of the run are heeded meanwhile. */
static bool
connect_again(struct migrator *m, struct error *err)
{
    int64_t until = stop_now() + A_MINUTE;
    enum stop_cause cause;

    session_close(&m->server.work);
    session_close(&m->server.control);
    m->server.control_refused = false;
    while (!session_open(&m->server, SESSION_WORK, err)) {
        m->server.work.lost = true;
        if (err->kind != ERROR_CONNECT || stop_now() > until)
            return false;
        stop_poll(m->stop, NULL, 0, BETWEEN_TRIES);
        cause = stop_cause(m->stop);
        if (cause != STOP_NONE)
            return wait_cause_error(m->stop, cause, err);
    }
    if (!m->server.standby)
        return true;
    return error_set(err, ERROR_CONNECT, "the server is a standby now");
}

/* The old backend may still run, with COMMIT in its socket. */
static bool
end_backend(struct migrator *m, int pid, const char *started, struct error *err)
{
    char text[32];

    snprintf(text, sizeof(text), "%d", pid);
    return exec_command(&m->server.work,
                        "SELECT pg_catalog.pg_terminate_backend(a.pid)"
                        " FROM pg_catalog.pg_stat_get_activity($1::pg_catalog.int4) a"
                        " WHERE a.backend_start::pg_catalog.text = $2"
                        " AND a.pid <> pg_catalog.pg_backend_pid()",
                        PG_PARAMS(text, started), err);
}

/* What its socket knows by now; a server that restarted took the lock with it. */
static bool
has_lock(struct migrator *m)
{
    PGconn *conn = m->server.lock.conn;

    if (m->settings->lock != LOCK_ADVISORY)
        return true;
    return conn != NULL && m->server.lock_lost == NULL && PQconsumeInput(conn) == 1 &&
           PQstatus(conn) == CONNECTION_OK;
}

static bool
lock_again(struct migrator *m, struct error *err)
{
    struct guard guard = migrator_guard(m, GUARD_NO_ROW, 0);
    bool held = false;

    if (has_lock(m) && guard_lock_held(&m->server.work, &guard, &held, err) && held)
        return true;
    session_close(&m->server.lock);
    m->server.lock_lost = NULL;
    m->locked = false;
    return migrator_lock(m, err);
}

/*
 * The attempt's row in the history stands and falls with the migration's own, and names
 * the run: what a rival did meanwhile is not ours.
 */
bool
doubt_was_ours(struct migrator *m, const struct content *content, bool *ours,
               struct error *err)
{
    const struct migration *migration = content->migration;
    const char *found = NULL;
    const char *sql = arena_printf(m->arena,
                                   "SELECT 'found' FROM %s WHERE run = $1 AND name = $2"
                                   " AND action = $3 AND outcome = 'done'%s%s",
                                   migrator_table(m, "_history"),
                                   migration->repeatable ? "" : " AND version = ",
                                   migration->repeatable ? "" : migration->version_text);

    if (!exec_text(&m->server.work, sql,
                   PG_PARAMS(m->run, migration->name, aftermath_action(content)),
                   m->arena, &found, err))
        return false;
    *ours = found != NULL;
    return true;
}

static enum doubt
settle(struct migrator *m, const struct content *content, struct error *err)
{
    int pid = m->server.work.pid;
    char started[sizeof(m->server.started)];
    bool lost = m->server.work.lost, done = false;

    snprintf(started, sizeof(started), "%s", m->server.started);
    if (lost && (!connect_again(m, err) || !end_backend(m, pid, started, err)))
        return DOUBT_FAILED;
    if (!lock_again(m, err) || (lost && !doubt_was_ours(m, content, &done, err)))
        return DOUBT_FAILED;
    return done ? DOUBT_DONE : DOUBT_AGAIN;
}

enum doubt
doubt_settle(struct migrator *m, const struct content *content, struct error *err)
{
    bool lost = m->server.work.lost;
    const char *what = lost ? "the connection to the server" : "the run lock";

    if (!doubt_is(m, err) || !content_has_history(content))
        return DOUBT_FAILED;
    if (++m->activity.losses > MOST_LOSSES) {
        error_within(err, "%s was lost %d times", what, MOST_LOSSES + 1);
        return DOUBT_FAILED;
    }
    tell(m, lost ? "the connection to the server was lost; connecting again"
                 : "the run lock was lost; taking it again");
    return settle(m, content, err);
}
