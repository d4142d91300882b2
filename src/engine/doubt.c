#include "engine/doubt.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "engine/aftermath.h"
#include "engine/own_lock.h"
#include "engine/ramp.h"
#include "pg/control.h"
#include "pg/exec.h"
#include "pg/lock.h"
#include "pg/wait.h"

#define MOST_LOSSES   3     /* of one migration */
#define A_MINUTE      60000 /* ms for connecting again */
#define BETWEEN_TRIES 250   /* ms */
#define LOOK_AGAIN    50    /* ms, whether a backend is gone */
#define PATIENCE      2000  /* ms until it is said for whom luamig waits */
#define LAST_QUESTION 1000  /* ms, when the run ends all the same */

/* Backends of ours whose connection is gone. */
struct orphans {
    struct {
        int pid;
        char started[64];
    } list[MOST_LOSSES + 2];
    size_t count;
};

/* What its socket knows by now; a server that restarted has closed it. */
static bool
stands(const struct session *session)
{
    return session->conn != NULL && PQconsumeInput(session->conn) == 1 &&
           PQstatus(session->conn) == CONNECTION_OK;
}

static bool
is_alive(const struct session *session)
{
    return !session->lost && stands(session);
}

/* A server that goes down refuses a new connection before it has ended all the old ones. */
static bool
still_stands(const struct migrator *m)
{
    const struct session *work = &m->server.work;

    if (!stands(work))
        return false;
    stop_poll(m->server.stop, NULL, 0, BETWEEN_TRIES);
    return stands(work);
}

/* admin_shutdown, crash_shutdown: a session was ended while it began, work may follow. */
static bool
is_shutdown(const struct error *err)
{
    return strcmp(err->sqlstate, "57P01") == 0 || strcmp(err->sqlstate, "57P02") == 0;
}

/* Whether a failure is a lost connection, or a lost run lock that can be had again. */
static bool
is_loss(struct migrator *m, const struct error *err)
{
    struct session *work = &m->server.work;

    if (err->kind == ERROR_SIGNAL || err->kind == ERROR_TIMEOUT || m->dry_run)
        return false;
    if (m->settings->lock == LOCK_LEASE && m->server.lock_lost != NULL)
        return false;
    if (err->kind == ERROR_CONNECT && err->sqlstate[0] == '\0' && !m->server.lock.lost &&
        still_stands(m))
        return false; /* something else was refused, as by a pooler without room */
    if (err->kind == ERROR_CONNECT)
        work->lost = work->lost || !is_alive(work);
    return work->lost || m->server.lock.lost || is_shutdown(err) ||
           (err->kind == ERROR_LOCK && m->settings->lock == LOCK_ADVISORY && m->locked &&
            !m->second.refused);
}

static void
tell(struct migrator *m, const char *text)
{
    migrator_notify(m, (struct event){ .kind = EVENT_NOTICE,
                                       .level = PROBLEM_WARNING,
                                       .text = text });
}

static bool
rest(struct migrator *m, int64_t ms, struct error *err)
{
    enum stop_cause cause;

    stop_poll(m->server.stop, NULL, 0, ms);
    cause = stop_cause(m->server.stop);
    return cause == STOP_NONE || wait_cause_error(m->server.stop, cause, err);
}

/* Behind a failover the same address may be a standby's for a while. */
static bool
open_work(struct migrator *m, struct error *err)
{
    if (!session_open(&m->server, SESSION_WORK, err))
        return false;
    if (!m->server.standby)
        return true;
    session_close(&m->server.work);
    return error_set(err, ERROR_CONNECT, "the server is a standby now");
}

/* pid 0: it was not even connected. */
static void
remember(const struct migrator *m, struct orphans *orphans)
{
    size_t n = orphans->count;

    if (m->server.work.pid == 0 || n == sizeof(orphans->list) / sizeof(orphans->list[0]))
        return;
    orphans->list[n].pid = m->server.work.pid;
    error_text(orphans->list[n].started, sizeof(orphans->list[n].started),
               m->server.started);
    orphans->count++;
}

/* A new work session; the stop causes of the run are heeded meanwhile. */
static bool
connect_again(struct migrator *m, struct orphans *orphans, struct error *err)
{
    int64_t until = stop_now() + A_MINUTE;

    remember(m, orphans);
    session_close(&m->server.work);
    session_close(&m->server.control);
    m->server.control_refused = false;
    while (!open_work(m, err)) {
        m->server.work.lost = true;
        if (err->kind != ERROR_CONNECT || stop_now() > until ||
            !rest(m, BETWEEN_TRIES, err))
            return false;
    }
    return true;
}

/* The SQL ends backends and has a row for each that is still there: until there is none. */
static bool
end_backends(struct migrator *m, const char *sql, const struct pg_params *params,
             struct error *err)
{
    int64_t began = stop_now();
    bool said = false, gone = false;
    PGresult *res;

    while (exec_query(&m->server.work, sql, params, &res, err)) {
        gone = PQntuples(res) == 0;
        if (!gone && !said && stop_now() - began > PATIENCE) {
            migrator_notify(m,
                            (struct event){
                                .kind = EVENT_WAITING,
                                .text = arena_printf(m->arena,
                                                     "pid %s, whose connection was lost",
                                                     PQgetvalue(res, 0, 0)) });
            said = true;
        }
        PQclear(res);
        if (gone || !rest(m, LOOK_AGAIN, err))
            break;
    }
    return gone;
}

/*
 * An orphan may still run, with COMMIT in its socket. Behind a pooler it may be somebody
 * else's by now: there the key of the row tells.
 */
static bool
end_orphans(struct migrator *m, const struct orphans *orphans, struct error *err)
{
    for (size_t i = 0; i < orphans->count && !m->server.pooled; i++) {
        const char *pid = arena_printf(m->arena, "%d", orphans->list[i].pid);

        if (!end_backends(m,
                          "SELECT a.pid, pg_catalog.pg_terminate_backend(a.pid)"
                          " FROM pg_catalog.pg_stat_get_activity($1::pg_catalog.int4) a"
                          " WHERE a.backend_start::pg_catalog.text = $2"
                          " AND a.pid <> pg_catalog.pg_backend_pid()",
                          PG_PARAMS(pid, orphans->list[i].started), err))
            return false;
    }
    return true;
}

/* Whoever has our fence is our own lost session: the server may not know yet. */
static bool
end_holder(struct migrator *m, uint64_t fence, struct error *err)
{
    const char *high = arena_printf(m->arena, "%" PRIu32, (uint32_t)(fence >> 32));
    const char *low = arena_printf(m->arena, "%" PRIu32, (uint32_t)fence);

    if (m->server.pooled || m->settings->lock != LOCK_ADVISORY)
        return true;
    return end_backends(m,
                        "SELECT l.pid, pg_catalog.pg_terminate_backend(l.pid)"
                        " FROM pg_catalog.pg_locks l"
                        " WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1"
                        " AND l.classid::pg_catalog.int8 = $1::pg_catalog.int8"
                        " AND l.objid::pg_catalog.int8 = $2::pg_catalog.int8"
                        " AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d"
                        " WHERE d.datname = pg_catalog.current_database())",
                        PG_PARAMS(high, low), err);
}

/* The time in which another run holds the lock is not this run's. */
static bool
wait_for_lock(struct migrator *m, struct error *err)
{
    bool runs = m->stop->clocks[LIMIT_RUN].deadline != 0 && !m->undoing;
    bool ok;

    if (runs)
        stop_pause(m->stop, LIMIT_RUN);
    ok = migrator_lock(m, err);
    if (runs)
        stop_resume(m->stop, LIMIT_RUN);
    return ok;
}

/* A backend that was told to end does so at the next word; "" takes no snapshot. */
static bool
still_has_lock(struct migrator *m, bool *held, struct error *err)
{
    struct guard guard = migrator_guard(m, GUARD_NO_ROW, 0);
    struct error ignored = { 0 };

    *held = false;
    if (m->server.lock_lost != NULL || !is_alive(&m->server.lock) ||
        !exec_command(&m->server.lock, "", NULL, &ignored))
        return true;
    return guard_lock_held(&m->server.work, &guard, held, err);
}

static bool
first_lock_again(struct migrator *m, struct error *err)
{
    bool held = false;

    if (m->settings->lock == LOCK_LEASE)
        return !m->locked || migrator_check_lock(m, err);
    if (m->locked && !still_has_lock(m, &held, err))
        return false;
    if (held && m->server.lock_lost == NULL)
        return true;
    session_close(&m->server.lock);
    m->server.lock_lost = NULL;
    return !m->locked || (end_holder(m, m->lock.fence, err) && wait_for_lock(m, err));
}

/* The second one is given back first, held or lost: it is taken again as it was the first time. */
static bool
lock_again(struct migrator *m, struct error *err)
{
    const struct content *content = m->activity.content;
    bool had = m->second.held;

    own_lock_end_second(m, "failed");
    return first_lock_again(m, err) &&
           (!had || (end_holder(m, m->second.lock.fence, err) &&
                     (content == NULL || own_lock_beside(m, content->migration, err))));
}

/*
 * In messages: what was lost. Of two locks it is the second, if that one's session is gone;
 * before there is a lock it is the connection that waits for it.
 */
static const char *
name_of_lost(const struct migrator *m)
{
    if (m->server.work.lost || !m->locked)
        return "the connection to the server";
    if (m->second.held && !is_alive(&m->second.server.lock))
        return m->second.server.lock_name;
    return m->server.lock_name;
}

/* While it settles, the connection may be lost anew. */
static bool
restore(struct migrator *m, struct orphans *orphans, struct error *err)
{
    bool ok;

    do {
        bool lost = m->server.work.lost;
        const char *what = name_of_lost(m);

        if (++m->losses > MOST_LOSSES)
            return error_within(err, "%s was lost %d times", what, MOST_LOSSES + 1);
        tell(m,
             arena_printf(m->arena, "%s was lost; %s", what,
                          lost || !m->locked ? "connecting again" : "taking it again"));
        m->server.cleaning = true; /* that the lock is lost stops none of this */
        ok = (!lost || connect_again(m, orphans, err)) && end_orphans(m, orphans, err) &&
             lock_again(m, err);
        m->server.cleaning = false;
    } while (!ok && m->server.work.conn != NULL && is_loss(m, err));
    return ok;
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

/* A run that ends all the same, for a signal or otherwise: the row is asked once more. */
static bool
find_out(struct migrator *m, struct orphans *orphans, const struct content *content,
         bool *done)
{
    struct error ignored = { 0 };
    struct stop grace;
    bool known;

    migrator_grace(m, &grace, LAST_QUESTION);
    known = (!m->server.work.lost || connect_again(m, orphans, &ignored)) &&
            end_orphans(m, orphans, &ignored) &&
            doubt_was_ours(m, content, done, &ignored);
    migrator_heed(m);
    return known;
}

/* true: connected and locked; *done tells what the row says of a lost connection. */
static bool
settle(struct migrator *m, struct orphans *orphans, const struct content *content,
       bool *done, struct error *err)
{
    bool lost = m->server.work.lost, ok;

    stop_pause(m->stop, LIMIT_MIGRATION);
    ok = is_loss(m, err) && restore(m, orphans, err);
    while (ok && lost && !doubt_was_ours(m, content, done, err))
        ok = is_loss(m, err) && restore(m, orphans, err);
    if (!ok && lost)
        err->in_doubt = !find_out(m, orphans, content, done);
    return ok;
}

enum doubt
doubt_settle(struct migrator *m, const struct content *content, struct error *err)
{
    struct orphans orphans = { 0 };
    bool done = false, ok;

    if (!content_has_history(content)) {
        err->in_doubt = m->server.work.lost;
        return DOUBT_FAILED;
    }
    if (!m->server.work.lost && !is_loss(m, err))
        return DOUBT_FAILED;
    ok = settle(m, &orphans, content, &done, err);
    if (done)
        return DOUBT_DONE;
    if (ok)
        ramp_attempt(m);
    return ok ? DOUBT_AGAIN : DOUBT_FAILED;
}

bool
doubt_reconnect(struct migrator *m, struct error *err)
{
    struct orphans orphans = { 0 };

    return is_loss(m, err) && restore(m, &orphans, err);
}

bool
doubt_recover(struct migrator *m, struct error *err)
{
    struct orphans orphans = { 0 };

    if (m->settings->lock == LOCK_LEASE && lease_lost(&m->server) != NULL)
        return error_set(err, ERROR_LOCK, "%s", m->server.lock_lost);
    m->server.work.lost = !is_alive(&m->server.work);
    if (!m->server.work.lost && m->server.lock_lost == NULL)
        return true;
    m->losses = 0;
    return restore(m, &orphans, err);
}
