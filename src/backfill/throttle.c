#include "backfill/throttle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/words.h"
#include "pg/control.h"
#include "pg/exec.h"
#include "pg/wait.h"

#define LOOK_EVERY    1000 /* ms */
#define ANSWER_WITHIN 1000
#define LEAST_PAUSE   50 /* ms, for those that were kept waiting */

/*
 * What replays nothing (pg_receivewal) has no replay_lsn. A state is NULL where the role
 * may not see it.
 */
static const char standbys_sql[] =
    "SELECT pg_catalog.concat(s.application_name, '@',"
    " COALESCE(pg_catalog.host(s.client_addr), 'local')), s.state,"
    " pg_catalog.pg_wal_lsn_diff(s.replay_lsn, '0/0')::pg_catalog.int8,"
    " (1000 * extract(epoch FROM s.replay_lag))::pg_catalog.int8,"
    " pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), '0/0')"
    "::pg_catalog.int8"
    " FROM pg_catalog.pg_stat_replication s"
    " WHERE s.state IS NULL OR (s.state IN ('streaming', 'catchup')"
    " AND s.replay_lsn IS NOT NULL)"
    " ORDER BY s.backend_start, s.pid";

/* pg_locks is for everybody to see, unlike what others' sessions wait for. */
static const char waiting_sql[] =
    "SELECT l.pid, a.application_name, a.usename FROM pg_catalog.pg_locks l"
    " LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid"
    " WHERE NOT l.granted AND $1::pg_catalog.int4"
    " = ANY (pg_catalog.pg_blocking_pids(l.pid)) LIMIT 1";

static struct throttle_standby *
add_standby(struct throttle *t, const char *name)
{
    if (t->count == t->capacity) {
        size_t capacity = t->capacity > 0 ? 2 * t->capacity : 8;
        struct throttle_standby *list = arena_alloc(&t->arena, capacity * sizeof(*list));

        if (t->count > 0)
            memcpy(list, t->standbys, t->count * sizeof(*list));
        t->standbys = list;
        t->capacity = capacity;
    }
    t->standbys[t->count] =
        (struct throttle_standby){ .name = arena_strdup(&t->arena, name) };
    return &t->standbys[t->count++];
}

/* Several may have one name: each answer is another's. */
static struct throttle_standby *
find_standby(struct throttle *t, const char *name)
{
    for (size_t i = 0; i < t->count; i++) {
        if (!t->standbys[i].seen && strcmp(t->standbys[i].name, name) == 0)
            return &t->standbys[i];
    }
    return add_standby(t, name);
}

/* How long the mark has not been replayed, or what the server says, if that is more. */
static void
take_standby(struct throttle_standby *s, const PGresult *res, int row, int64_t now)
{
    int64_t replayed = strtoll(PQgetvalue(res, row, 2), NULL, 10);
    int64_t written = strtoll(PQgetvalue(res, row, 4), NULL, 10);
    const char *lag = exec_value(res, row, 3);

    s->seen = true;
    s->lag = 0;
    if (replayed >= written) {
        s->mark = 0;
        return;
    }
    if (s->mark == 0 || replayed >= s->mark) {
        s->mark = written;
        s->at = now;
    }
    s->lag = lag != NULL ? strtoll(lag, NULL, 10) : 0;
    if (now - s->at > s->lag)
        s->lag = now - s->at;
}

static bool
take_answer(struct throttle *t, const PGresult *res, struct error *err)
{
    for (size_t i = 0; i < t->count; i++)
        t->standbys[i].seen = false;
    for (int row = 0; row < PQntuples(res); row++) {
        if (exec_value(res, row, 1) == NULL) {
            error_set(err, ERROR_SCRIPT, "this role may not see how far standbys are");
            return error_hint(err,
                              "GRANT pg_read_all_stats TO \"%s\"; or leave "
                              "replica_lag out.",
                              t->server->user);
        }
        take_standby(find_standby(t, PQgetvalue(res, row, 0)), res, row, stop_now());
    }
    return true;
}

/* A question that is not worth much of a wait; false: it has no answer. */
static bool
ask(struct throttle *t, const char *sql, const struct pg_params *params, PGresult **res,
    struct error *err)
{
    struct server *server = t->server;
    struct session *control = control_get(server);
    struct stop *outer = server->stop, brief = { 0 };
    bool ok;

    if (control == NULL)
        return error_set(err, ERROR_CONNECT, "no connection could be had to look at it");
    stop_limit(&brief, LIMIT_GRACE, ANSWER_WITHIN);
    server->stop = &brief;
    ok = exec_query(control, sql, params, res, err);
    server->stop = outer;
    if (!ok && control->lost)
        session_close(control);
    return ok;
}

/* *had is false where nobody answers for now: it is asked again. */
static bool
look(struct throttle *t, bool *had, struct error *err)
{
    PGresult *res;
    bool ok;

    t->looked = stop_now();
    t->server->control_refused = false;
    *had = ask(t, standbys_sql, NULL, &res, err);
    if (!*had)
        return err->kind != ERROR_SQL;
    ok = take_answer(t, res, err);
    PQclear(res);
    return ok;
}

bool
throttle_begin(struct throttle *t, bool *none, struct error *err)
{
    bool had;

    *none = false;
    t->asked = stop_now(); /* a short one opens no connection for that */
    if (t->limit == 0)
        return true;
    if (!look(t, &had, err))
        return false;
    if (!had)
        return error_within(err, "standbys");
    for (size_t i = 0; i < t->count; i++)
        t->standbys[i].at_start = true;
    *none = t->count == 0;
    return true;
}

void
throttle_end(struct throttle *t)
{
    arena_release(&t->arena);
    t->standbys = NULL;
    t->count = t->capacity = 0;
}

void
throttle_ask(struct throttle *t)
{
    struct error ignored = { 0 };
    char pid[32];
    PGresult *res;

    if (stop_now() - t->asked < LOOK_EVERY)
        return;
    t->asked = stop_now();
    snprintf(pid, sizeof(pid), "%d", t->server->work.pid);
    if (!ask(t, waiting_sql, PG_PARAMS(pid), &res, &ignored))
        return;
    if (PQntuples(res) > 0)
        snprintf(t->waiting, sizeof(t->waiting), "pid %s ('%s' as %s) had to wait for it",
                 PQgetvalue(res, 0, 0), PQgetvalue(res, 0, 1), PQgetvalue(res, 0, 2));
    PQclear(res);
}

static bool
say(struct throttle *t, const char *whom, const char *reason)
{
    snprintf(t->whom, sizeof(t->whom), "%s", whom);
    snprintf(t->reason, sizeof(t->reason), "%s", reason);
    return true;
}

static bool
say_standby(struct throttle *t, const struct throttle_standby *s)
{
    char lag[32], limit[32], whom[192], reason[192];

    words_elapsed(s->lag, lag, sizeof(lag));
    words_setting(t->limit, limit, sizeof(limit));
    if (s->seen) {
        snprintf(whom, sizeof(whom), "standby '%.64s' to catch up (replica_lag = %s)",
                 s->name, limit);
        snprintf(reason, sizeof(reason), "standby '%.64s' lags %s (replica_lag = %s)",
                 s->name, lag, limit);
    } else {
        snprintf(whom, sizeof(whom), "standby '%.64s' to come back", s->name);
        snprintf(reason, sizeof(reason), "standby '%.64s' is gone", s->name);
    }
    return say(t, whom, reason);
}

/* Whether the next batch has to wait, by the last look. */
static bool
has_cause(struct throttle *t, bool had)
{
    if (!had)
        return say(t, "a connection to look at the standbys",
                   "nobody says how far the standbys are");
    for (size_t i = 0; i < t->count; i++) {
        const struct throttle_standby *s = &t->standbys[i];

        if (s->seen ? s->lag > t->limit : s->at_start)
            return say_standby(t, s);
    }
    return false;
}

static bool
sleep_for(struct throttle *t, int64_t ms, struct error *err)
{
    int64_t until = stop_now() + ms, left;
    enum stop_cause cause = stop_cause(t->server->stop);

    while (cause == STOP_NONE && (left = until - stop_now()) > 0) {
        stop_poll(t->server->stop, NULL, 0, left);
        cause = stop_cause(t->server->stop);
    }
    return cause == STOP_NONE || wait_cause_error(t->server->stop, cause, err);
}

/* Those that were kept waiting get as long as the batch took, and a second at most. */
static bool
let_through(struct throttle *t, int64_t took, struct error *err)
{
    int64_t pause = took < LEAST_PAUSE ? LEAST_PAUSE : took;
    bool ok;

    if (t->waiting[0] == '\0')
        return true;
    ok = t->asleep(t->ctx, NULL, t->waiting, err) &&
         sleep_for(t, pause < LOOK_EVERY ? pause : LOOK_EVERY, err);
    t->waiting[0] = '\0';
    return ok;
}

bool
throttle_wait(struct throttle *t, int64_t took, struct error *err)
{
    bool had;

    if (!let_through(t, took, err))
        return false;
    if (t->limit == 0 || stop_now() - t->looked < LOOK_EVERY)
        return true;
    if (!look(t, &had, err))
        return false;
    while (has_cause(t, had)) {
        if (!t->asleep(t->ctx, t->whom, t->reason, err) ||
            !sleep_for(t, LOOK_EVERY, err) || !look(t, &had, err))
            return false;
    }
    *err = (struct error){ 0 };
    return true;
}

double
throttle_lag(const struct throttle *t)
{
    int64_t most = -1;

    for (size_t i = 0; i < t->count; i++) {
        if (t->standbys[i].seen && t->standbys[i].lag > most)
            most = t->standbys[i].lag;
    }
    return most < 0 ? -1 : (double)most / 1000;
}
