#include "engine/own_lock.h"

#include <inttypes.h>

#include "pg/blockers.h"
#include "pg/lock.h"

static struct held_lock
lock_of(struct migrator *m, const struct migration *migration)
{
    const struct settings *settings = m->settings;
    const char *version = arena_printf(m->arena, "%" PRId64, migration->version);

    return (struct held_lock){ .key = lock_fence(&settings->table, version),
                               .fence = lock_fence(&settings->table, m->run),
                               .lease = lease_new(settings, version, m->arena) };
}

static const char *
name_of(struct migrator *m, const struct migration *migration)
{
    return arena_printf(m->arena, "the lock of %s", source_label(migration, m->arena));
}

static bool
try_once(struct migrator *m, struct server *server, const struct held_lock *lock,
         bool *had, struct error *err)
{
    *had = true;
    switch (m->settings->lock) {
    case LOCK_NONE: return true;
    case LOCK_LEASE: return lease_try(server, &lock->lease, m->arena, had, err);
    case LOCK_ADVISORY: break;
    }
    return lock_try(server, lock->key, lock->fence, had, err);
}

static const char *
holder_of(struct migrator *m, const struct held_lock *lock)
{
    struct session *work = &m->server.work;
    const char *holder = NULL;
    struct error ignored = { 0 };
    struct lease_row *rows;
    size_t count = 0;

    if (m->settings->lock == LOCK_ADVISORY)
        blockers_lock_holder(work, lock->key, m->arena, &holder, &ignored);
    else if (lease_read(work, lock->lease.table, lock->lease.name, m->arena, &rows,
                        &count, &ignored) &&
             count > 0)
        holder = lease_holder(work, rows, m->arena);
    return holder != NULL ? holder : "another run of luamig";
}

bool
own_lock_try(struct migrator *m, const struct migration *migration, const char **holder,
             struct error *err)
{
    bool had;

    m->lock = lock_of(m, migration);
    m->server.lock_name = name_of(m, migration);
    m->server.lock_lost = NULL;
    *holder = NULL;
    if (!try_once(m, &m->server, &m->lock, &had, err))
        return false;
    m->locked = had;
    if (had)
        return true;
    session_close(&m->server.lock);
    *holder = holder_of(m, &m->lock);
    return true;
}

/* work is only borrowed: it says which host is meant, and makes the lease's table. */
static void
begin_second(struct migrator *m, struct held_lock lock, const char *name)
{
    char run[32];

    snprintf(run, sizeof(run), "%s:2", m->run);
    lock.fence = lock_fence(&m->settings->table, run);
    m->second = (struct second_lock){ .server = m->server, .lock = lock };
    m->second.server.lock = m->second.server.control = (struct session){ 0 };
    m->second.server.heartbeat = NULL;
    m->second.server.lock_lost = NULL;
    m->second.server.lock_name = name;
}

static bool
acquire_second(struct migrator *m, struct error *err)
{
    struct second_lock *second = &m->second;
    const char *from;

    if (m->settings->lock == LOCK_LEASE)
        return lease_acquire(&second->server, &second->lock.lease, m->arena, &from, err);
    return lock_acquire(&second->server, second->lock.key, second->lock.fence, err);
}

void
own_lock_end_second(struct migrator *m, const char *outcome)
{
    struct second_lock *second = &m->second;

    second->server.work = m->server.work; /* it may have been connected again meanwhile */
    if (second->held && m->settings->lock == LOCK_LEASE)
        lease_release(&second->server, &second->lock.lease, outcome);
    else if (second->held)
        lock_release(&second->server);
    session_close(&second->server.lock);
    session_close(&second->server.control);
    second->held = false;
}

bool
own_lock_before_row(struct migrator *m, struct error *err)
{
    if (!m->background || m->settings->lock == LOCK_NONE)
        return true;
    own_lock_end_second(m, "failed"); /* of an attempt before this one */
    begin_second(m, migrator_run_lock(m), "the run lock");
    stop_limit(m->stop, LIMIT_LOCK_WAIT, m->settings->lock_wait);
    m->second.held = acquire_second(m, err);
    m->second.refused = !m->second.held;
    stop_limit(m->stop, LIMIT_LOCK_WAIT, 0);
    session_close(&m->second.server.control);
    return m->second.held;
}

bool
own_lock_beside(struct migrator *m, const struct migration *migration, struct error *err)
{
    bool had;

    if (m->background || !migration->background || m->settings->lock == LOCK_NONE)
        return true;
    begin_second(m, lock_of(m, migration), name_of(m, migration));
    if (!try_once(m, &m->second.server, &m->second.lock, &had, err))
        return false;
    m->second.held = had;
    m->second.refused = !had;
    if (had)
        return true;
    session_close(&m->second.server.lock);
    error_set(err, ERROR_LOCK, "%s runs in the background",
              source_label(migration, m->arena));
    error_detail(err, "By %s.", holder_of(m, &m->second.lock));
    return error_hint(err, "Let it end, or end it: what it has done is recorded.");
}
