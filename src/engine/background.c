#include "engine/background.h"

#include <string.h>

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

static void
report(struct migrator *m, struct survey *survey, const struct migration *migration)
{
    const char *label = source_label(migration, m->arena);

    problems_add(&survey->problems, m->arena,
                 &(struct problem){ .kind = PROBLEM_BACKGROUND,
                                    .level = PROBLEM_NOTE,
                                    .has_version = true,
                                    .version = migration->version,
                                    .name = migration->name,
                                    .message =
                                        arena_printf(m->arena,
                                                     "%s: background; run 'luamig up "
                                                     "--background'",
                                                     label) });
}

void
background_report(struct migrator *m, struct survey *survey,
                  const struct plan_request *request)
{
    const struct plan *plan = &survey->plan;

    if (request->background || request->only_count > 0)
        return;
    for (size_t i = 0; i < plan->entry_count; i++) {
        const struct plan_entry *entry = &plan->entries[i];

        if (plan_is_pending(entry) && entry->migration->background)
            report(m, survey, entry->migration);
    }
}
