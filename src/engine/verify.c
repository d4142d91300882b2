#include "engine/verify.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "pg/indexes.h"

static void
add_problem(struct migrator *m, struct survey *survey, struct problem problem)
{
    problems_add(&survey->problems, m->arena, &problem);
}

static void
add_pending(struct migrator *m, struct survey *survey, const struct plan_entry *entry)
{
    const struct migration *migration = entry->migration;
    bool partial = entry->state == STATE_PARTIAL;

    add_problem(m, survey,
                (struct problem){ .kind = partial ? PROBLEM_PARTIAL : PROBLEM_PENDING,
                                  .level = PROBLEM_ERROR,
                                  .has_version = !migration->repeatable,
                                  .version = entry->version,
                                  .name = migration->name,
                                  .file = migration->up.path,
                                  .message =
                                      arena_printf(m->arena, "%s is %s",
                                                   source_label(migration, m->arena),
                                                   partial ? "half done" : "pending"),
                                  .hint = "Run `luamig up`." });
}

/* What up only warns of is a difference all the same. */
static void
raise_levels(struct migrator *m, struct survey *survey)
{
    for (size_t i = 0; i < survey->problems.count; i++) {
        struct problem *problem = &survey->problems.list[i];

        if (problem->kind == PROBLEM_ORPHAN || problem->kind == PROBLEM_PARTIAL ||
            (problem->kind == PROBLEM_DRIFT && m->settings->drift != DRIFT_OFF))
            problem->level = PROBLEM_ERROR;
    }
}

/* The last part of a name as written, without quotes. */
static void
bare_name(const char *written, char *dst, size_t size)
{
    size_t len = strlen(written), start = len;

    if (len > 0 && written[len - 1] == '"') {
        len--;
        start = len;
        while (start > 0 && written[start - 1] != '"')
            start--;
    } else {
        while (start > 0 && written[start - 1] != '.')
            start--;
    }
    snprintf(dst, size, "%.*s", (int)(len - start), written + start);
}

/* Without regard to case: whether a name was quoted does not matter here. */
static bool
names(const char *written, const char *name)
{
    char bare[256];

    if (written == NULL)
        return false;
    bare_name(written, bare, sizeof(bare));
    return strcasecmp(bare, name) == 0;
}

static bool
is_from(const struct sql_class *class, const struct index *index)
{
    if (class->kind != SQL_OUTSIDE || !class->concurrently ||
        class->outside == OUTSIDE_DROP_INDEX)
        return false;
    if (class->index != NULL && names(class->index, index->name))
        return true;
    return (class->index == NULL || class->outside == OUTSIDE_REINDEX) &&
           names(class->relation, index->table);
}

/* The migration that a leftover comes from; its files are read anew, only if needed. */
static const struct migration *
find_origin(const struct survey *survey, const struct index *index)
{
    for (size_t i = 0; i < survey->source.count; i++) {
        const struct migration *migration = &survey->source.migrations[i];
        struct arena arena = { 0 };
        struct content content;
        struct error ignored;
        bool found = false;

        if (migration->up.kind == FILE_SQL &&
            content_read(migration, &arena, &content, &ignored)) {
            for (size_t k = 0; k < content.sql.count; k++)
                found = found || is_from(&content.sql.classes[k], index);
        }
        arena_release(&arena);
        if (found)
            return migration;
    }
    return NULL;
}

static void
add_index(struct migrator *m, struct survey *survey, const struct index *index)
{
    const struct migration *origin = find_origin(survey, index);

    add_problem(m, survey,
                (struct problem){
                    .kind = PROBLEM_INVALID_INDEX,
                    .level = origin != NULL ? PROBLEM_ERROR : PROBLEM_NOTE,
                    .has_version = origin != NULL,
                    .version = origin != NULL ? origin->version : 0,
                    .name = origin != NULL ? origin->name : NULL,
                    .file = origin != NULL ? origin->up.path : NULL,
                    .message = arena_printf(m->arena, "index %s on %s is invalid",
                                            index->ident, index->table),
                    .hint =
                        arena_printf(m->arena,
                                     "DROP INDEX CONCURRENTLY %s; and build it again.",
                                     index->ident) });
}

bool
verify_survey(struct migrator *m, struct survey *survey, struct error *err)
{
    const struct plan *plan = &survey->plan;
    struct indexes indexes;

    raise_levels(m, survey);
    for (size_t i = 0; i < plan->entry_count; i++) {
        const struct plan_entry *entry = &plan->entries[i];

        if (plan_is_pending(entry) && !entry->migration->background)
            add_pending(m, survey, entry);
    }
    if (!indexes_invalid(&m->server.work, NULL, NULL, m->arena, &indexes, err))
        return false;
    for (size_t i = 0; i < indexes.count; i++) {
        if (!indexes.list[i].building)
            add_index(m, survey, &indexes.list[i]);
    }
    return true;
}
