#include "engine/watch.h"

#include <stdio.h>

#include "engine/migrator.h"
#include "pg/blockers.h"
#include "pg/control.h"
#include "pg/progress.h"

#define FIRST_LOOK 1000 /* ms; nothing that is quicker opens the control connection */
#define BRIEF      2000 /* ms of an attempt in which its short lock_timeout may strike */

/* In the middle of each attempt at a lock; a long statement is looked at once a second. */
static bool
is_due(struct migrator *m, int64_t elapsed)
{
    if (m->ramp.attempt > 1 && stop_now() - m->ramp.began > BRIEF)
        m->server.watch.every = 0;
    return elapsed >= FIRST_LOOK || m->ramp.attempt > 1;
}

static void
tell(struct migrator *m, int64_t elapsed, const char *text)
{
    int64_t now = stop_now();

    if (now - m->ramp.told < FIRST_LOOK)
        return;
    m->ramp.told = now;
    migrator_notify(m, (struct event){ .kind = EVENT_PROGRESS,
                                       .statement = m->activity.statement,
                                       .statements = m->activity.content->sql.count,
                                       .elapsed = elapsed,
                                       .text = text });
}

/* The last blockers seen are kept: after 55P03 the server no longer knows them. */
static const char *
look(struct migrator *m, struct session *control, struct arena *arena)
{
    const char *text = NULL;
    struct error err = { 0 };
    int pid = m->server.work.pid;

    if (!blockers_of(control, pid, arena, &text, &err))
        return NULL;
    m->activity.blocked = text != NULL;
    if (text != NULL) {
        error_text(m->activity.blockers, sizeof(m->activity.blockers), text);
        return arena_printf(arena, "waiting for %s", text);
    }
    return progress_of(control, pid, arena, &text, &err) ? text : NULL;
}

void
watch_tick(void *ctx)
{
    struct migrator *m = ctx;
    const struct content *content = m->activity.content;
    int64_t elapsed = stop_now() - m->activity.since;
    struct arena arena = { 0 };
    struct session *control;
    struct stop *outer = m->server.stop, brief = { 0 };

    if (content == NULL || !is_due(m, elapsed))
        return;
    control = control_get(&m->server);
    stop_limit(&brief, LIMIT_GRACE, 1000);
    m->server.stop = &brief;
    tell(m, elapsed, control != NULL ? look(m, control, &arena) : NULL);
    m->server.stop = outer;
    control_check(&m->server);
    arena_release(&arena);
}
