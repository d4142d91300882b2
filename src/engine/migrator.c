#include "engine/migrator.h"

#include <string.h>

#include "base/digest.h"
#include "engine/watch.h"
#include "pg/lock.h"

static void
on_patience(void *ctx, const char *text)
{
    struct migrator *m = ctx;

    migrator_notify(m, (struct event){ .kind = EVENT_WAITING, .text = text });
}

struct held_lock
migrator_run_lock(struct migrator *m)
{
    const struct settings *settings = m->settings;

    return (struct held_lock){ .key = lock_key(&settings->table),
                               .fence = lock_fence(&settings->table, m->run),
                               .lease = lease_new(settings, LEASE_RUN, m->arena) };
}

void
migrator_init(struct migrator *m, const char *command, const struct settings *settings,
              const struct observer *observer, struct stop *stop, struct arena *arena)
{
    *m = (struct migrator){
        .settings = settings,
        .observer = observer,
        .stop = stop,
        .arena = arena,
        .label = "",
    };
    digest_random_hex(m->run, 8);
    m->lock = migrator_run_lock(m);
    m->server = (struct server){
        .settings = settings,
        .run = m->run,
        .command = command,
        .stop = stop,
        .lock_name = "the run lock",
        .notices = &m->notices,
        .watch = { .tick = watch_tick, .ctx = m },
        .patience = { .waiting = on_patience, .ctx = m },
    };
    conninfo_secrets(&m->server.secrets, settings->database);
}

void
migrator_release(struct migrator *m)
{
    server_close(&m->server);
    log_release(&m->notices);
}

static void
tell_pooled(struct migrator *m)
{
    migrator_notify(m,
                    (struct event){ .kind = EVENT_NOTICE,
                                    .level = PROBLEM_NOTE,
                                    .text = "connected through a pooler; luamig works as "
                                            "if it pooled by transaction" });
}

/* One that was ended while it began is no answer. */
static bool
open_work(struct migrator *m, struct error *err)
{
    return session_open(&m->server, SESSION_WORK, err) ||
           (strcmp(err->sqlstate, "57P01") == 0 &&
            session_open(&m->server, SESSION_WORK, err));
}

bool
migrator_connect(struct migrator *m, struct error *err)
{
    char label[256];

    if (!open_work(m, err))
        return false;
    server_label(&m->server, label, sizeof(label));
    m->label = arena_strdup(m->arena, label);
    if (m->server.pooled)
        tell_pooled(m);
    if (!m->server.standby)
        return true;
    error_set(err, ERROR_CONNECT, "this server is read-only (a standby)");
    return error_hint(err, "Run luamig against the primary.");
}

/* A lease that its holder did not give back is worth a word. */
static bool
take_lease(struct migrator *m, struct error *err)
{
    const char *from = NULL;

    if (!lease_acquire(&m->server, &m->lock.lease, m->arena, &from, err))
        return false;
    if (from != NULL)
        migrator_notify(m, (struct event){ .kind = EVENT_NOTICE,
                                           .level = PROBLEM_NOTE,
                                           .text = arena_printf(m->arena,
                                                                "took over the lease of "
                                                                "%s",
                                                                from) });
    return true;
}

static bool
take_lock(struct migrator *m, struct error *err)
{
    if (m->settings->lock == LOCK_LEASE)
        return take_lease(m, err);
    return lock_acquire(&m->server, m->lock.key, m->lock.fence, err);
}

bool
migrator_lock(struct migrator *m, struct error *err)
{
    int64_t began = stop_now();

    if (m->settings->lock == LOCK_NONE) {
        migrator_notify(m,
                        (struct event){ .kind = EVENT_NOTICE,
                                        .level = PROBLEM_WARNING,
                                        .text = "no run lock is taken (lock = none)" });
        return true;
    }
    stop_limit(m->stop, LIMIT_LOCK_WAIT, m->settings->lock_wait);
    if (!take_lock(m, err))
        return false;
    m->locked = true;
    stop_limit(m->stop, LIMIT_LOCK_WAIT, 0);
    migrator_notify(m, (struct event){ .kind = EVENT_LOCK_ACQUIRED,
                                       .elapsed = stop_now() - began });
    return true;
}

void
migrator_unlock(struct migrator *m, const char *outcome)
{
    if (m->locked && m->settings->lock == LOCK_LEASE)
        lease_release(&m->server, &m->lock.lease, outcome);
    else if (m->locked)
        lock_release(&m->server);
    m->locked = false;
}

bool
migrator_check_lock(struct migrator *m, struct error *err)
{
    struct guard guard = migrator_guard(m, GUARD_NO_ROW, 0);
    bool held;

    /* On its own connection: the file's role may not read the lease. */
    if (m->settings->lock == LOCK_LEASE)
        return lease_confirm(&m->server, err) &&
               (!m->second.held || lease_confirm(&m->second.server, err));
    if (!guard_lock_held(&m->server.work, &guard, &held, err))
        return false;
    return held || error_set(err, ERROR_LOCK, "%s was lost", m->server.lock_name);
}

void
migrator_notify(struct migrator *m, struct event event)
{
    event.run = m->run;
    if (event.migration == NULL && m->activity.content != NULL) {
        event.migration = m->activity.content->migration;
        event.down = m->activity.content->down;
    }
    observer_notify(m->observer, &event);
}

struct notice_taker {
    struct migrator *m;
    const struct migration *migration;
};

static void
take_notice(void *ctx, const char *line)
{
    struct notice_taker *taker = ctx;

    migrator_notify(taker->m, (struct event){ .kind = EVENT_NOTICE,
                                              .migration = taker->migration,
                                              .level = PROBLEM_NOTE,
                                              .text = line });
}

void
migrator_flush_notices(struct migrator *m, const struct migration *migration)
{
    struct notice_taker taker = { .m = m, .migration = migration };

    log_drain(&m->notices, take_notice, &taker);
}

const char *
migrator_table(struct migrator *m, const char *suffix)
{
    return applied_ident(m->arena, &m->settings->table, suffix);
}

static struct guard_lock
guarded(const struct migrator *m, const struct held_lock *lock)
{
    return (struct guard_lock){
        .lease = m->settings->lock == LOCK_LEASE ? &lock->lease : NULL,
        .fence = lock->fence,
    };
}

struct guard
migrator_guard(struct migrator *m, enum guard_row row, int64_t version)
{
    return (struct guard){ .has_lock = m->settings->lock != LOCK_NONE,
                           .lock = guarded(m, &m->lock),
                           .has_second = m->second.held,
                           .second = guarded(m, &m->second.lock),
                           .row = row,
                           .table = migrator_table(m, ""),
                           .version = version };
}

bool
migrator_must_confirm(const struct migrator *m, const char *modes)
{
    return m->settings->lock == LOCK_LEASE && modes != NULL &&
           (strcasestr(modes, "serializable") != NULL ||
            strcasestr(modes, "repeatable") != NULL);
}

void
migrator_grace(struct migrator *m, struct stop *grace, int64_t ms)
{
    *grace = (struct stop){ 0 };
    stop_limit(grace, LIMIT_GRACE, ms);
    m->server.stop = grace;
    m->server.cleaning = true;
}

void
migrator_heed(struct migrator *m)
{
    m->server.stop = m->stop;
    m->server.cleaning = false;
}
