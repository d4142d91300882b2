#include "engine/backfills.h"

#include <inttypes.h>
#include <string.h>

#include "base/strbuf.h"
#include "engine/migrator.h"

/* One look or one order. */
struct looking {
    struct migrator m;
    const struct backfill_request *request;
    struct backfills *out;
    struct error *err;
};

const char *
backfills_label(const struct checkpoint *checkpoint, struct arena *arena)
{
    return arena_printf(arena, "%" PRId64 ":%s", checkpoint->key.version,
                        checkpoint->key.name);
}

static bool
begin(struct looking *l, bool to_write)
{
    struct migrator *m = &l->m;
    const struct table_name *table = &m->settings->table;
    struct session *work = &m->server.work;
    char label[256];

    if (!(to_write ? migrator_connect(m, l->err)
                   : session_open(&m->server, SESSION_WORK, l->err)) ||
        !applied_look(work, table, m->arena, &m->table, l->err))
        return false;
    server_label(&m->server, label, sizeof(label));
    l->out->target = arena_strdup(m->arena, label);
    return !m->table.has_backfills ||
           checkpoint_read(work, table, m->arena, &l->out->list, &l->out->count, l->err);
}

static bool
is_meant(const struct backfill_request *request, const struct checkpoint *checkpoint)
{
    if (request->has_version && request->version != checkpoint->key.version)
        return false;
    return request->name == NULL || strcmp(request->name, checkpoint->key.name) == 0;
}

static const char *
list_names(const struct backfills *all, struct arena *arena)
{
    struct strbuf text = { 0 };
    const char *names;

    for (size_t i = 0; i < all->count; i++)
        strbuf_printf(&text, "%s%s", i > 0 ? ", " : "",
                      backfills_label(&all->list[i], arena));
    names = arena_strdup(arena, strbuf_text(&text));
    strbuf_release(&text);
    return names;
}

static bool
none_of_that_name(const struct looking *l)
{
    struct arena *arena = l->m.arena;

    error_set(l->err, ERROR_PLAN, "no backfill '%s' is under way", l->request->name);
    if (l->out->count == 0)
        error_detail(l->err, "None is.");
    else
        error_detail(l->err, "There are %s.", list_names(l->out, arena));
    return error_hint(l->err, "One whose migration is recorded is done, and not kept; "
                              "`luamig redo V` runs it again.");
}

/* Leaves the ones that are meant in the list. */
static void
choose(struct looking *l, struct backfills *chosen)
{
    *chosen = (struct backfills){ .target = l->out->target };
    chosen->list = arena_alloc(l->m.arena, (l->out->count + 1) * sizeof(*chosen->list));
    for (size_t i = 0; i < l->out->count; i++) {
        if (is_meant(l->request, &l->out->list[i]))
            chosen->list[chosen->count++] = l->out->list[i];
    }
}

/* The rows of a backfill go with the record of its migration: these are left of another. */
static bool
is_recorded(struct looking *l, const struct checkpoint *checkpoint, bool *recorded)
{
    struct migrator *m = &l->m;
    const char *name = NULL;
    bool up = strcmp(checkpoint->key.direction, "up") == 0;

    if (m->table.exists &&
        !applied_name(&m->server.work, migrator_table(m, ""), checkpoint->key.version,
                      m->arena, &name, l->err))
        return false;
    *recorded = up == (name != NULL);
    return true;
}

/* Of two directions the one that is still to come to its end. */
static bool
drop_recorded(struct looking *l, struct backfills *chosen)
{
    size_t kept = 0;

    for (size_t i = 0; chosen->count > 1 && i < chosen->count; i++) {
        bool recorded;

        if (!is_recorded(l, &chosen->list[i], &recorded))
            return false;
        if (!recorded)
            chosen->list[kept++] = chosen->list[i];
    }
    if (chosen->count > 1 && kept > 0)
        chosen->count = kept;
    return true;
}

static bool
choose_one(struct looking *l)
{
    struct backfills chosen;

    choose(l, &chosen);
    if (chosen.count == 0)
        return none_of_that_name(l);
    if (!drop_recorded(l, &chosen))
        return false;
    *l->out = chosen;
    if (chosen.count == 1)
        return true;
    error_set(l->err, ERROR_USAGE, "there are %zu backfills '%s'", chosen.count,
              l->request->name);
    return error_hint(l->err, "Say which one: %s.", list_names(&chosen, l->m.arena));
}

static bool
begin_request(struct looking *l, bool to_write)
{
    const struct backfill_request *request = l->request;

    *l->out = (struct backfills){ .target = "" };
    migrator_init(&l->m, "backfill", request->settings, NULL, request->stop,
                  request->arena);
    return begin(l, to_write);
}

bool
backfills_look(const struct backfill_request *request, struct backfills *out,
               struct error *err)
{
    struct looking l = { .request = request, .out = out, .err = err };
    bool ok = begin_request(&l, false) && (request->name == NULL || choose_one(&l));

    migrator_release(&l.m);
    return ok;
}

bool
backfills_errors(const struct backfill_request *request, struct backfills *out,
                 struct error *err)
{
    struct looking l = { .request = request, .out = out, .err = err };
    bool ok = begin_request(&l, false) && choose_one(&l) &&
              checkpoint_errors(&l.m.server.work, &request->settings->table,
                                &out->list[0].key, request->limit, request->arena,
                                &out->errors, &out->error_count, err);

    migrator_release(&l.m);
    return ok;
}

static bool
is_done(const struct looking *l)
{
    const struct checkpoint *c = &l->out->list[0];

    error_set(l->err, ERROR_PLAN, "backfill '%s' is done",
              backfills_label(c, l->m.arena));
    return error_hint(l->err, "Its migration is not recorded yet: run `luamig up`.");
}

static bool
set_status(struct looking *l, enum checkpoint_status status)
{
    const struct checkpoint *c = &l->out->list[0];
    bool done;

    if (c->status == status)
        return true;
    if (!checkpoint_set_status(&l->m.server.work, &l->m.settings->table, &c->key, status,
                               &done, l->err))
        return false;
    l->out->changed = done;
    return done || is_done(l);
}

static bool
resume(struct looking *l)
{
    const struct checkpoint *c = &l->out->list[0];

    return (c->status != CHECKPOINT_PAUSED && c->status != CHECKPOINT_CANCELLED) ||
           set_status(l, CHECKPOINT_RUNNING);
}

static bool
restart(struct looking *l)
{
    bool done;

    if (!checkpoint_restart(&l->m.server.work, &l->m.settings->table,
                            &l->out->list[0].key, &done, l->err))
        return false;
    l->out->changed = done;
    return done || none_of_that_name(l);
}

static bool
check_not_recorded(struct looking *l)
{
    const struct checkpoint *c = &l->out->list[0];
    bool recorded;

    if (!is_recorded(l, c, &recorded))
        return false;
    if (!recorded)
        return true;
    error_set(l->err, ERROR_PLAN, "backfill '%s' is of a migration that is recorded",
              backfills_label(c, l->m.arena));
    return error_hint(l->err, "`luamig redo %" PRId64 "` undoes it and runs it again.",
                      c->key.version);
}

static bool
give(struct looking *l, enum backfill_order order)
{
    if (!check_not_recorded(l))
        return false;
    switch (order) {
    case ORDER_PAUSE: return set_status(l, CHECKPOINT_PAUSED);
    case ORDER_RESUME: return resume(l);
    case ORDER_CANCEL: return set_status(l, CHECKPOINT_CANCELLED);
    case ORDER_RESTART: return restart(l);
    case ORDER_RETRY: break;
    }
    return checkpoint_retry(&l->m.server.work, &l->m.settings->table,
                            &l->out->list[0].key, &l->out->changed, l->err);
}

bool
backfills_order(const struct backfill_request *request, enum backfill_order order,
                struct backfills *out, struct error *err)
{
    struct looking l = { .request = request, .out = out, .err = err };
    bool ok = begin_request(&l, true) && choose_one(&l) && give(&l, order);

    migrator_release(&l.m);
    return ok;
}
