#include "engine/locks.h"

#include <string.h>

#include "engine/migrator.h"
#include "pg/blockers.h"

static bool
look_at_leases(struct migrator *m, struct locks *out, struct error *err)
{
    struct session *work = &m->server.work;

    if (!applied_look(work, &m->settings->table, m->arena, &m->table, err))
        return false;
    if (m->table.has_lock && !lease_read(work, m->lock.lease.table, NULL, m->arena,
                                         &out->rows, &out->count, err))
        return false;
    for (size_t i = 0; i < out->count; i++) {
        if (strcmp(out->rows[i].name, LEASE_RUN) == 0 &&
            strcmp(out->rows[i].state, "held") == 0)
            out->run = &out->rows[i];
    }
    if (out->run != NULL)
        out->holder = arena_printf(m->arena, "%s, held by %s", m->server.lock_name,
                                   lease_holder(work, out->run, m->arena));
    return true;
}

static bool
look(struct migrator *m, struct locks *out, struct error *err)
{
    switch (m->settings->lock) {
    case LOCK_NONE: return true;
    case LOCK_LEASE: return look_at_leases(m, out, err);
    case LOCK_ADVISORY: break;
    }
    if (!blockers_lock_holder(&m->server.work, m->lock.key, m->arena, &out->holder, err))
        return false;
    if (out->holder != NULL)
        out->holder =
            arena_printf(m->arena, "%s, held by %s", m->server.lock_name, out->holder);
    return true;
}

bool
locks_look(const struct settings *settings, bool to_act, struct stop *stop,
           struct arena *arena, struct locks *out, struct error *err)
{
    struct migrator m;
    char label[256];
    bool ok;

    *out = (struct locks){ .target = "" };
    migrator_init(&m, "lock", settings, NULL, stop, arena);
    ok = to_act ? migrator_connect(&m, err) : session_open(&m.server, SESSION_WORK, err);
    ok = ok && look(&m, out, err);
    if (ok) {
        server_label(&m.server, label, sizeof(label));
        out->target = arena_strdup(arena, label);
    }
    migrator_release(&m);
    return ok;
}

bool
locks_release(const struct settings *settings, const struct locks *locks,
              struct stop *stop, struct arena *arena, struct error *err)
{
    struct migrator m;
    bool freed = false, ok;

    migrator_init(&m, "lock", settings, NULL, stop, arena);
    ok = migrator_connect(&m, err) &&
         lease_free(&m.server.work, m.lock.lease.table, locks->run, &freed, err);
    migrator_release(&m);
    if (!ok || freed)
        return ok;
    error_set(err, ERROR_PLAN, "the run lock has changed hands; nothing was released");
    return error_hint(err, "`luamig lock` says who holds it now.");
}
