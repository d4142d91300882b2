#include "pg/heartbeat.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/arena.h"

#define BEATS      6    /* in a lease */
#define LOOK_EVERY 1000 /* ms */
#define PATIENCE   1000 /* ms, at least, until a connection that says nothing is given up */
#define LAST_WORDS 500 /* ms that the end waits for an answer */

struct heartbeat {
    struct heartbeat_orders orders;
    struct arena arena;
    const char **keywords, **values; /* a new connection is made as the first was */
    pthread_t thread;
    int wake, answer, gone; /* eventfds: to the thread; to the run: asked for, or lost */

    pthread_mutex_t mutex;     /* of these */
    unsigned asked, confirmed; /* tickets; confirmed is written by the thread alone */
    int64_t quit;              /* when the run wanted the end; 0: it does not */
    char lost[256];

    /* The thread's own. */
    PGconn *conn;
    int64_t renewed, looked, tried; /* when what succeeded or was tried was sent */
    bool failing;
    char reason[160]; /* of the last failure */
};

enum pulse {
    PULSE_OURS,
    PULSE_GONE,
    PULSE_FAILED /* who knows */
};

static int64_t
earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t
quit_time(struct heartbeat *h)
{
    int64_t quit;

    pthread_mutex_lock(&h->mutex);
    quit = h->quit;
    pthread_mutex_unlock(&h->mutex);
    return quit;
}

static unsigned
asked(struct heartbeat *h)
{
    unsigned ticket;

    pthread_mutex_lock(&h->mutex);
    ticket = h->asked;
    pthread_mutex_unlock(&h->mutex);
    return ticket;
}

static void
confirm(struct heartbeat *h, unsigned ticket)
{
    pthread_mutex_lock(&h->mutex);
    h->confirmed = ticket;
    pthread_mutex_unlock(&h->mutex);
    eventfd_write(h->answer, 1);
}

static void
lose(struct heartbeat *h, const char *why, const char *reason)
{
    pthread_mutex_lock(&h->mutex);
    snprintf(h->lost, sizeof(h->lost), "the lease of %s %s%s%s%s", h->orders.of, why,
             reason[0] != '\0' ? " (" : "", reason, reason[0] != '\0' ? ")" : "");
    pthread_mutex_unlock(&h->mutex);
    eventfd_write(h->gone, 1);
    eventfd_write(h->answer, 1);
}

/*
 * Waits until the descriptor (-1: none) is ready, the run wants something, or a time has come.
 * Not stop_poll(): that lets signals in.
 */
static bool
doze(struct heartbeat *h, int fd, short events, int64_t until)
{
    struct pollfd fds[2] = { { .fd = h->wake, .events = POLLIN },
                             { .fd = fd, .events = events } };
    int64_t left = until - stop_now();
    eventfd_t count;

    if (left > 0)
        poll(fds, 2, (int)earlier(left, 60000));
    if (fds[0].revents != 0)
        eventfd_read(h->wake, &count);
    return fds[1].revents != 0;
}

/* false: the time came; when the run wants the end, it comes soon. */
static bool
await(struct heartbeat *h, short events, int64_t until)
{
    for (;;) {
        int64_t quit = quit_time(h);

        if (quit != 0)
            until = earlier(until, quit + LAST_WORDS);
        if (stop_now() >= until)
            return false;
        if (doze(h, PQsocket(h->conn), events, until))
            return true;
    }
}

/* reason NULL: the one that is known. */
static void
hang_up(struct heartbeat *h, const char *reason)
{
    if (reason != NULL)
        snprintf(h->reason, sizeof(h->reason), "%s", reason);
    PQfinish(h->conn);
    h->conn = NULL;
}

/* Until the next result can be had without waiting. */
static bool
settle(struct heartbeat *h, int64_t until)
{
    int left;

    while ((left = PQflush(h->conn)) == 1 || PQisBusy(h->conn)) {
        short events = (short)(POLLIN | (left == 1 ? POLLOUT : 0));

        if (left < 0 || !await(h, events, until) || PQconsumeInput(h->conn) == 0)
            return false;
    }
    return left == 0;
}

/* The last result; NULL: there is no answer, and no connection any more. */
static PGresult *
converse(struct heartbeat *h, const char *sql, int64_t until)
{
    PGresult *last = NULL, *next;

    if (PQsendQuery(h->conn, sql) != 1) {
        hang_up(h, "the connection was ended");
        return NULL;
    }
    for (;;) {
        if (!settle(h, until)) {
            PQclear(last);
            hang_up(h, "no answer from the server");
            return NULL;
        }
        if ((next = PQgetResult(h->conn)) == NULL)
            return last;
        PQclear(last);
        last = next;
    }
}

static void
ignore(void *arg, const PGresult *res)
{
    (void)arg;
    (void)res;
}

/* How long one answer may take: a third of the lease, so that there is time for more. */
static int64_t
patience(const struct heartbeat *h)
{
    int64_t ms = h->orders.lease / 3;

    return earlier(stop_now() + (ms > PATIENCE ? ms : PATIENCE),
                   h->renewed + h->orders.lease);
}

static bool
connected(struct heartbeat *h, int64_t until)
{
    PostgresPollingStatusType next = PGRES_POLLING_WRITING;

    while (next != PGRES_POLLING_OK) {
        if (next == PGRES_POLLING_FAILED ||
            !await(h, next == PGRES_POLLING_READING ? POLLIN : POLLOUT, until))
            return false;
        next = PQconnectPoll(h->conn);
    }
    return true;
}

static bool
reconnect(struct heartbeat *h)
{
    int64_t until = patience(h);
    PGresult *res;
    bool ok;

    h->conn = PQconnectStartParams(h->keywords, h->values, 0);
    if (h->conn == NULL)
        return false;
    if (PQstatus(h->conn) == CONNECTION_BAD || !connected(h, until) ||
        PQsetnonblocking(h->conn, 1) != 0) {
        hang_up(h, "no connection");
        return false;
    }
    PQsetNoticeReceiver(h->conn, ignore, NULL);
    if (h->orders.greeting == NULL)
        return true;
    res = converse(h, h->orders.greeting, until);
    ok = PQresultStatus(res) == PGRES_TUPLES_OK;
    PQclear(res);
    if (!ok && h->conn != NULL)
        hang_up(h, "no connection");
    return ok;
}

/* A table that is gone is a lease that is gone; any other error may pass. */
static enum pulse
judge(struct heartbeat *h, const PGresult *res)
{
    ExecStatusType status = PQresultStatus(res);
    const char *state, *text;

    if (status == PGRES_TUPLES_OK)
        return PQntuples(res) > 0 ? PULSE_OURS : PULSE_GONE;
    state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
    text = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);
    if (state != NULL && (strcmp(state, "42P01") == 0 || strcmp(state, "3F000") == 0))
        return PULSE_GONE;
    snprintf(h->reason, sizeof(h->reason), "%s", text != NULL ? text : "no answer");
    return PULSE_FAILED;
}

static enum pulse
ask(struct heartbeat *h, bool renew)
{
    PGresult *res = converse(h, renew ? h->orders.renew : h->orders.look, patience(h));
    enum pulse pulse = PULSE_FAILED;

    if (res != NULL)
        pulse = judge(h, res);
    PQclear(res);
    if (h->conn != NULL && PQstatus(h->conn) != CONNECTION_OK)
        hang_up(h, NULL);
    return pulse;
}

static enum pulse
take_pulse(struct heartbeat *h)
{
    unsigned ticket = asked(h);
    enum pulse pulse = PULSE_FAILED;
    bool renew;

    h->tried = stop_now();
    renew = h->failing || ticket != h->confirmed ||
            h->tried >= h->renewed + h->orders.lease / BEATS;
    if (h->conn != NULL || reconnect(h)) {
        h->tried = stop_now();
        pulse = ask(h, renew);
    }
    h->failing = pulse == PULSE_FAILED;
    if (pulse != PULSE_OURS)
        return pulse;
    h->looked = h->tried;
    if (renew)
        h->renewed = h->tried;
    if (renew && ticket != h->confirmed)
        confirm(h, ticket);
    return pulse;
}

static int64_t
next_beat(struct heartbeat *h)
{
    int64_t beat = h->orders.lease / BEATS;

    if (h->failing)
        return h->tried + earlier(beat / 4 + 1, LOOK_EVERY / 2);
    if (asked(h) != h->confirmed)
        return 0;
    return earlier(h->renewed + beat, h->looked + LOOK_EVERY);
}

static void *
beat(void *arg)
{
    struct heartbeat *h = arg;

    while (quit_time(h) == 0) {
        int64_t now = stop_now(), due = next_beat(h);
        int64_t end = h->renewed + h->orders.lease;

        if (now >= end) {
            lose(h, "expired: it could not be renewed", h->reason);
            break;
        }
        if (now < due) {
            doze(h, -1, 0, earlier(due, end));
        } else if (take_pulse(h) == PULSE_GONE) {
            lose(h, "was lost: it is not ours any more", "");
            break;
        }
    }
    return NULL;
}

static bool
is_pinned(const char *keyword)
{
    static const char *const words[] = { "host", "hostaddr", "port", "password",
                                         "service" };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(keyword, words[i]) == 0)
            return true;
    }
    return false;
}

static void
add_option(struct heartbeat *h, size_t *count, const char *keyword, const char *value)
{
    if (value == NULL || value[0] == '\0')
        return;
    h->keywords[*count] = arena_strdup(&h->arena, keyword);
    h->values[(*count)++] = arena_strdup(&h->arena, value);
}

/* The same server again, by address: a name's resolution would block. */
static void
remember(struct heartbeat *h, PGconn *conn)
{
    PQconninfoOption *options = PQconninfo(conn);
    size_t room = 5, count = 0;

    for (PQconninfoOption *o = options; o != NULL && o->keyword != NULL; o++)
        room++;
    h->keywords = arena_alloc(&h->arena, room * sizeof(*h->keywords));
    h->values = arena_alloc(&h->arena, room * sizeof(*h->values));
    for (PQconninfoOption *o = options; o != NULL && o->keyword != NULL; o++) {
        if (!is_pinned(o->keyword))
            add_option(h, &count, o->keyword, o->val);
    }
    PQconninfoFree(options);
    add_option(h, &count, "host", PQhost(conn));
    add_option(h, &count, "hostaddr", PQhostaddr(conn));
    add_option(h, &count, "port", PQport(conn));
    add_option(h, &count, "password", PQpass(conn));
}

static void
release(struct heartbeat *h)
{
    close(h->wake);
    close(h->answer);
    close(h->gone);
    pthread_mutex_destroy(&h->mutex);
    arena_release(&h->arena);
    free(h);
}

/* Signals are main's. */
static bool
start_thread(struct heartbeat *h)
{
    sigset_t all, before;
    bool started;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    started = pthread_create(&h->thread, NULL, beat, h) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

struct heartbeat *
heartbeat_start(PGconn *conn, const struct heartbeat_orders *orders, struct error *err)
{
    struct heartbeat *h = xmalloc(sizeof(*h));

    *h = (struct heartbeat){ .orders = *orders,
                             .wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
                             .answer = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
                             .gone = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
                             .conn = conn,
                             .renewed = orders->renewed,
                             .looked = orders->renewed };
    pthread_mutex_init(&h->mutex, NULL);
    remember(h, conn);
    PQsetNoticeReceiver(conn, ignore, NULL);
    if (h->wake >= 0 && h->answer >= 0 && h->gone >= 0 && start_thread(h))
        return h;
    release(h);
    error_set(err, ERROR_INTERNAL, "no thread for the heartbeat of the lease");
    return NULL;
}

PGconn *
heartbeat_stop(struct heartbeat *h)
{
    PGconn *conn;

    pthread_mutex_lock(&h->mutex);
    h->quit = stop_now();
    pthread_mutex_unlock(&h->mutex);
    eventfd_write(h->wake, 1);
    pthread_join(h->thread, NULL);
    conn = h->conn;
    release(h);
    return conn;
}

int
heartbeat_descriptor(const struct heartbeat *h)
{
    return h->gone;
}

const char *
heartbeat_lost(struct heartbeat *h)
{
    bool lost;

    pthread_mutex_lock(&h->mutex);
    lost = h->lost[0] != '\0';
    pthread_mutex_unlock(&h->mutex);
    return lost ? h->lost : NULL; /* not written again */
}

static bool
is_confirmed(struct heartbeat *h, unsigned ticket)
{
    bool done;

    pthread_mutex_lock(&h->mutex);
    done = h->confirmed == ticket;
    pthread_mutex_unlock(&h->mutex);
    return done;
}

bool
heartbeat_confirm(struct heartbeat *h, const struct stop *stop)
{
    unsigned ticket;
    eventfd_t count;

    pthread_mutex_lock(&h->mutex);
    ticket = ++h->asked;
    pthread_mutex_unlock(&h->mutex);
    eventfd_write(h->wake, 1);
    while (!is_confirmed(h, ticket)) {
        struct pollfd fd = { .fd = h->answer, .events = POLLIN };

        if (heartbeat_lost(h) != NULL || stop_cause(stop) != STOP_NONE)
            return false;
        stop_poll(stop, &fd, 1, 1000);
        eventfd_read(h->answer, &count);
    }
    return heartbeat_lost(h) == NULL;
}
