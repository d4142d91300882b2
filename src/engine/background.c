#include "engine/background.h"

#include <string.h>

#include "backfill/checkpoint.h"

/* Its mode is looked at now, so that a directive out of place fails the deploy it is in. */
static void
mark(struct migrator *m, struct survey *survey, struct migration *migration)
{
    struct arena arena = { 0 };
    struct content content;
    struct error err = { 0 };

    migration->background = content_says_background(migration);
    if (migration->background && !content_read(migration, &arena, &content, &err))
        survey_add_file_problem(m, survey, migration, &err);
    arena_release(&arena);
}

void
background_mark(struct migrator *m, struct survey *survey)
{
    const struct source *source = &survey->source;
    const struct applied_set *set = &survey->set;
    size_t row = 0;

    if (survey->read == NULL)
        survey->read = arena_alloc(m->arena, source->count + 1);
    for (size_t i = 0; i < source->count; i++) {
        struct migration *migration = &source->migrations[i];

        while (row < set->count && set->rows[row].version < migration->version)
            row++;
        if (survey->read[i] || migration->excluded ||
            (row < set->count && set->rows[row].version == migration->version))
            continue;
        survey->read[i] = true;
        mark(m, survey, migration);
    }
}

/* ", 41 % done, paused": of all the backfills that it has begun. */
static const char *
how_far(const struct checkpoint *list, size_t count, int64_t version, struct arena *arena)
{
    double done = 0, all = 0;
    const char *remark = NULL;

    for (size_t i = 0; i < count; i++) {
        const struct checkpoint *c = &list[i];
        double weight = c->estimate > 0 ? (double)c->estimate : 1;

        if (c->key.version != version || strcmp(c->key.direction, "up") != 0)
            continue;
        done += weight * checkpoint_percent(c);
        all += weight;
        if (c->status != CHECKPOINT_RUNNING && c->status != CHECKPOINT_DONE)
            remark = checkpoint_word(c->status);
    }
    if (all == 0)
        return "";
    return arena_printf(arena, ", %d %% done%s%s", (int)(done / all),
                        remark != NULL ? ", " : "", remark != NULL ? remark : "");
}

static void
report(struct migrator *m, struct survey *survey, const struct migration *migration,
       const char *far)
{
    problems_add(&survey->problems, m->arena,
                 &(struct problem){
                     .kind = PROBLEM_BACKGROUND,
                     .level = PROBLEM_NOTE,
                     .has_version = true,
                     .version = migration->version,
                     .name = migration->name,
                     .message = arena_printf(m->arena,
                                             "%s: background%s; run 'luamig up "
                                             "--background'",
                                             source_label(migration, m->arena), far) });
}

bool
background_report(struct migrator *m, struct survey *survey,
                  const struct plan_request *request, struct error *err)
{
    const struct plan *plan = &survey->plan;
    struct checkpoint *list = NULL;
    size_t count = 0;

    if (plan->background == 0 || request->background || request->only_count > 0)
        return true;
    if (m->table.has_backfills && !checkpoint_read(&m->server.work, &m->settings->table,
                                                   m->arena, &list, &count, err))
        return false;
    for (size_t i = 0; i < plan->entry_count; i++) {
        const struct plan_entry *entry = &plan->entries[i];

        if (plan_is_pending(entry) && entry->migration->background)
            report(m, survey, entry->migration,
                   how_far(list, count, entry->version, m->arena));
    }
    return true;
}
