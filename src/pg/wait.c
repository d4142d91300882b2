#include "pg/wait.h"

#include <stdio.h>

#include "base/words.h"
#include "pg/control.h"
#include "pg/heartbeat.h"

#define TICK          1000 /* ms between two ticks of the watch */
#define CANCEL_REPEAT 50   /* a backend between two messages drops a cancel (measured) */
#define CANCEL_GIVE_UP                                                                   \
    10000                 /* a server that does not answer a cancel for so long is gone */
#define BRIEF_GIVE_UP 500 /* a pooler drops a cancel of who waits for a backend */
#define PING_EVERY    30000

struct wait
wait_begin(struct session *session)
{
    return (struct wait){ .session = session,
                          .linked = PQtransactionStatus(session->conn) != PQTRANS_IDLE,
                          .ticked = stop_now() };
}

/* The empty query: anything else takes a snapshot (DESIGN 5). */
static void
ping_lock(struct server *server, int64_t now)
{
    if (server->lock.conn == NULL || server->lock_lost != NULL ||
        now - server->pinged < PING_EVERY)
        return;
    server->pinged = now;
    if (PQsendQuery(server->lock.conn, "") == 1)
        PQflush(server->lock.conn);
}

/* The lease's end, or what came on the lock's connection: answers to pings, or its end. */
static void
hear_lock(struct server *server)
{
    PGconn *conn = server->lock.conn;
    bool alive;

    if (server->heartbeat != NULL) {
        server->lock_lost = heartbeat_lost(server->heartbeat);
        return;
    }
    alive = PQconsumeInput(conn) == 1;
    while (alive && !PQisBusy(conn)) {
        PGresult *res = PQgetResult(conn);

        if (res == NULL)
            break;
        PQclear(res);
    }
    if (!alive || PQstatus(conn) != CONNECTION_OK)
        server->lock_lost = "the connection that held the run lock was ended";
}

/* What tells of the run lock's end; -1: nothing is to be heard. */
static int
lock_descriptor(const struct server *server, const struct session *session)
{
    if (session->role != SESSION_WORK || server->lock_lost != NULL)
        return -1;
    if (server->heartbeat != NULL)
        return heartbeat_descriptor(server->heartbeat);
    return server->lock.conn != NULL ? PQsocket(server->lock.conn) : -1;
}

static void
cancel_if_due(struct wait *wait, int64_t now)
{
    struct server *server = wait->session->server;

    if (wait->deaf)
        return;
    if (wait->cause == STOP_NONE && !wait->lock_lost) {
        wait->cause = stop_known(server->stop);
        wait->lock_lost = wait->cause == STOP_NONE && server->lock_lost != NULL &&
                          !server->cleaning && wait->session->role == SESSION_WORK;
        if (wait->cause == STOP_NONE && !wait->lock_lost)
            return;
        wait->cancelled = now;
    }
    if (now - wait->last_cancel < CANCEL_REPEAT)
        return;
    wait->last_cancel = now;
    control_cancel(wait->session);
}

static bool
is_cancelled(const struct wait *wait)
{
    return wait->cause != STOP_NONE || wait->lock_lost;
}

/*
 * In a pooler's queue there is nothing to cancel, and a question that may be dropped; a lock's
 * session is as well ended as answered.
 */
static bool
is_given_up(const struct wait *wait, int64_t now)
{
    const struct server *server = wait->session->server;
    bool queued = (server->pooled || !server->met) && !wait->linked;
    bool brief = queued || wait->session->role == SESSION_LOCK;

    return is_cancelled(wait) &&
           now - wait->cancelled > (brief ? BRIEF_GIVE_UP : CANCEL_GIVE_UP);
}

static int64_t
tick_of(const struct wait *wait)
{
    int64_t every = wait->session->server->watch.every;

    return every > 0 && every < TICK ? every : TICK;
}

static int64_t
how_long(const struct wait *wait, int64_t now)
{
    int64_t tick = wait->ticked + tick_of(wait) - now;

    if (is_cancelled(wait))
        return CANCEL_REPEAT;
    return tick > 0 ? tick : 0;
}

static void
tick_if_due(struct wait *wait, int64_t now)
{
    struct server *server = wait->session->server;

    if (wait->session->role != SESSION_WORK || now - wait->ticked < tick_of(wait))
        return;
    wait->ticked = now;
    ping_lock(server, now);
    if (server->watch.tick != NULL && !is_cancelled(wait))
        server->watch.tick(server->watch.ctx);
}

static bool
lost(struct session *session)
{
    session->lost = true;
    return false;
}

bool
wait_for(struct wait *wait, short events)
{
    struct session *session = wait->session;
    struct server *server = session->server;
    struct pollfd fds[2] = { { .fd = PQsocket(session->conn), .events = events },
                             { .fd = lock_descriptor(server, session),
                               .events = POLLIN } };
    int64_t now = stop_now();

    if (PQstatus(session->conn) != CONNECTION_OK)
        return lost(session);
    cancel_if_due(wait, now);
    if (is_given_up(wait, now))
        return lost(session);
    stop_poll(server->stop, fds, 2, how_long(wait, now));
    if (fds[1].revents != 0)
        hear_lock(server);
    if (fds[0].revents != 0 && PQconsumeInput(session->conn) == 0)
        return lost(session);
    wait->linked = wait->linked || (fds[0].revents & POLLIN) != 0;
    tick_if_due(wait, stop_now());
    return true;
}

bool
wait_answer(struct wait *wait)
{
    PGconn *conn = wait->session->conn;

    for (;;) {
        int left = PQflush(conn);

        if (!PQisBusy(conn))
            return true;
        if (left < 0 || !wait_for(wait, (short)(POLLIN | (left == 1 ? POLLOUT : 0))))
            return false;
    }
}

static const char *
limit_setting(enum stop_cause cause)
{
    switch (cause) {
    case STOP_LOCK_WAIT: return "lock_wait";
    case STOP_MIGRATION: return "migration_timeout";
    case STOP_RUN: return "timeout";
    case STOP_NONE:
    case STOP_SIGNAL:
    case STOP_GRACE: break;
    }
    return "grace";
}

bool
wait_cause_error(const struct stop *stop, enum stop_cause cause, struct error *err)
{
    char limit[32];

    if (cause == STOP_SIGNAL)
        return error_set(err, ERROR_SIGNAL, "stopped by %s",
                         stop_signal_name(stop_signal()));
    words_setting(stop->clocks[cause - STOP_GRACE].limit, limit, sizeof(limit));
    error_set(err, cause == STOP_LOCK_WAIT ? ERROR_LOCK : ERROR_TIMEOUT,
              "time limit %s = %s was reached", limit_setting(cause), limit);
    if (cause == STOP_MIGRATION)
        error_hint(err,
                   "If this migration may take longer, write `-- luamig: timeout=30m` "
                   "at its top.");
    else if (cause == STOP_RUN)
        error_hint(err, "If a whole run may take longer, set timeout (--timeout 30m).");
    return false;
}

bool
wait_error(const struct wait *wait, struct error *err)
{
    struct server *server = wait->session->server;
    struct error why = { 0 };

    if (wait->lock_lost) {
        error_set(&why, ERROR_LOCK, "%s", server->lock_lost);
        error_hint(&why, "Run `luamig up` again.");
    } else if (wait->cause != STOP_NONE) {
        wait_cause_error(server->stop, wait->cause, &why);
    } else {
        return false;
    }
    error_text(why.sqlstate, sizeof(why.sqlstate), err->sqlstate);
    error_text(why.where, sizeof(why.where), err->where);
    *err = why;
    return false;
}
