#include "engine/aside.h"

#include <string.h>

#include "backfill/checkpoint.h"
#include "engine/own_lock.h"
#include "engine/step.h"

static void
tell(struct migrator *m, const struct migration *migration, const char *text)
{
    migrator_notify(m, (struct event){ .kind = EVENT_NOTICE,
                                       .migration = migration,
                                       .level = PROBLEM_NOTE,
                                       .text = text });
}

/* Where a person has paused one of its backfills, nothing of it runs. */
static bool
look_whether_paused(struct migrator *m, const struct migration *migration, bool *paused,
                    struct error *err)
{
    struct checkpoint *list = NULL;
    size_t count = 0;

    *paused = false;
    if (m->table.has_backfills && !checkpoint_read(&m->server.work, &m->settings->table,
                                                   m->arena, &list, &count, err))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (list[i].key.version == migration->version &&
            strcmp(list[i].key.direction, "up") == 0 &&
            list[i].status == CHECKPOINT_PAUSED)
            *paused = true;
    }
    return true;
}

static bool
leave_paused(struct migrator *m, const struct migration *migration)
{
    tell(m, migration,
         "is left paused; `luamig backfill resume` lets the next run go on");
    return true;
}

/* It was planned before its lock was had: another run may have applied it since. */
static bool
apply_locked(struct migrator *m, const struct content *content, struct step_place place,
             struct run_summary *summary, struct error *err)
{
    const struct migration *migration = content->migration;
    const char *name = NULL;
    bool done, paused;

    if (!applied_name(&m->server.work, migrator_table(m, ""), migration->version,
                      m->arena, &name, err)) {
        summary->outcome = OUTCOME_FAILED;
        return false;
    }
    if (name != NULL) {
        summary->background--;
        tell(m, migration, "was applied by another run");
        return true;
    }
    if (!look_whether_paused(m, migration, &paused, err)) {
        summary->outcome = OUTCOME_FAILED;
        return false;
    }
    if (paused)
        return leave_paused(m, migration);
    m->background = true;
    done = step_run(m, content, place, summary, err);
    m->background = false;
    if (done || summary->outcome != OUTCOME_PAUSED)
        return done;
    summary->outcome = OUTCOME_DONE;
    return leave_paused(m, migration);
}

static bool
apply_one(struct migrator *m, const struct content *content, struct step_place place,
          struct run_summary *summary, struct error *err)
{
    const char *holder;
    bool done;

    if (!step_may_go_on(m, summary, err))
        return false;
    if (!own_lock_try(m, content->migration, &holder, err)) {
        summary->outcome = OUTCOME_FAILED;
        return false;
    }
    if (holder != NULL) {
        tell(m, content->migration,
             arena_printf(m->arena, "is left to the run that is at it: %s", holder));
        return true;
    }
    done = apply_locked(m, content, place, summary, err);
    migrator_unlock(m, done ? "done" : "failed");
    return done;
}

bool
aside_apply(struct migrator *m, const struct survey *survey, struct run_summary *summary,
            struct error *err)
{
    size_t count = survey->plan.step_count;

    for (size_t i = 0; i < count; i++) {
        struct step_place place = { .step = i + 1, .steps = count };

        if (!apply_one(m, &survey->contents[i], place, summary, err))
            return false;
    }
    return true;
}
