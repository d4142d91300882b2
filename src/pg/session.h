/*
 * session.h - the connections of a run: work, lock, control
 *
 * work runs migrations; lock holds the run lock and from then on executes nothing (of a
 * lease: it takes it and is then its heartbeat's); control is opened on first need, to look (blockers, progress) and to cancel, and never writes.
 * All three go to the same server, also where the URL names several hosts.
 */
#ifndef LUAMIG_PG_SESSION_H
#define LUAMIG_PG_SESSION_H

#include <libpq-fe.h>

#include "base/error.h"
#include "base/log.h"
#include "base/stop.h"
#include "base/strbuf.h"
#include "pg/conninfo.h"
#include "plan/settings.h"

enum session_role {
    SESSION_WORK,
    SESSION_LOCK,
    SESSION_CONTROL
};

struct heartbeat;
struct server;

/* What luamig keeps of a pooler, see pg/pooler: SQL. */
struct pooler {
    struct strbuf outside; /* before a statement outside a transaction: its settings */
    struct strbuf restore; /* what RESET ALL must not take: the client's own parameters */
    bool sets;             /* outside sets something */
    bool has_plpgsql;
};

struct session {
    PGconn *conn;          /* NULL: not open */
    struct server *server; /* whose session it is */
    enum session_role role;
    int pid;      /* of its backend; behind a pooler of the one that it used last */
    bool lost;    /* the connection was found dead */
    size_t syncs; /* round trips so far, for tests and the curious */

    /*
     * Behind a pooler: a SELECT of the backend's pid and of the settings that each
     * transaction begins with. NULL: a transaction needs none.
     */
    const char *prologue;
};

/* Called now and then, at least once a second, while work waits for the server. */
struct session_watch {
    void (*tick)(void *ctx);
    void *ctx;
    int64_t every; /* ms; 0: a second */
};

/* Told when connecting takes longer than 2 s. */
struct session_patience {
    void (*waiting)(void *ctx, const char *text);
    void *ctx;
};

struct server {
    const struct settings *settings;
    const char *run;     /* 8 hex digits */
    const char *command; /* "up", for application_name */
    struct stop *stop; /* heeded by every wait; exchanged for one of grace to clean up */
    struct log *notices; /* server notices of work go there; NULL: dropped */
    struct session_watch watch;
    struct session_patience patience;
    struct secrets secrets;
    struct session work, lock, control;
    int version;           /* 150004 */
    bool standby;          /* pg_is_in_recovery() */
    bool met;              /* who answers is known, and so the next one */
    bool pooled;           /* behind a pooler: see pg/pooler */
    bool cleaning;         /* what stopped the run no longer stops a statement */
    const char *lock_name; /* of what lock is for, in messages: "the run lock" */
    const char *lock_lost; /* why the run lock is known to be gone; NULL: it is not */
    struct heartbeat *heartbeat; /* of the lease that is held; NULL: none */
    int64_t pinged;              /* when lock was pinged last, monotonic ms */
    bool control_refused; /* control could not be had: do not try again and again */
    char started
        [64]; /* backend_start of work, as text; "" behind a pooler: not ours to end */
    char user[64], database[64];
    bool bytes;               /* SQL_ASCII: positions count bytes */
    int64_t deadlock_timeout; /* ms */
    char work_settings[1024]; /* see session_settings() */
    struct pooler pooler;
};

/*
 * Opens one session and, for work, asks what server this is. ERROR_CONNECT, with host and
 * port and without any secret, when it cannot be had or is older than 13; ERROR_SIGNAL and
 * ERROR_TIMEOUT when told to stop. From the first one on signals are blocked.
 */
bool session_open(struct server *server, enum session_role role, struct error *err);

/*
 * The settings of work as one statement, to be sent again after DISCARD ALL: luamig's own
 * limits take the place of the server's timeouts, and values are read and written the same
 * everywhere. DateStyle, TimeZone, search_path and role stay the user's. Behind a pooler
 * they are those of one transaction (pg/pooler).
 */
const char *session_settings(const struct server *server);

/* Ends one session; closing one that is not open is fine. */
void session_close(struct session *session);
void server_close(struct server *server);

/* "app@db1" (and the port where it is not 5432): for the summary line. */
void server_label(const struct server *server, char *dst, size_t size);

/* Host (or socket folder) and port as the user knows them. */
const char *server_host(const struct server *server);
const char *server_port(const struct server *server);

#endif
