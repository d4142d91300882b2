#include "plan/plan_report.h"

#include <inttypes.h>

#include "base/strbuf.h"

bool
plan_is_partial(const struct applied_set *set, int64_t version)
{
    for (size_t i = 0; i < set->partial_count; i++) {
        if (set->partial[i] == version)
            return true;
    }
    return false;
}

bool
plan_is_pending(const struct plan_entry *entry)
{
    return entry->state == STATE_PENDING || entry->state == STATE_LATE ||
           entry->state == STATE_PARTIAL;
}

bool
plan_is_wrong_folder(const struct plan_builder *b)
{
    return b->in->source->count == 0 && b->in->set->count > 0;
}

static void
add_problem(struct plan_builder *b, struct problem problem)
{
    if (problem.level == PROBLEM_WARNING && b->in->settings->strict)
        problem.level = PROBLEM_ERROR;
    problems_add(b->problems, b->arena, &problem);
}

void
plan_report_renamed(struct plan_builder *b, const struct plan_entry *entry)
{
    const struct migration *m = entry->migration;

    add_problem(b, (struct problem){
                       .kind = PROBLEM_RENAMED,
                       .level = PROBLEM_ERROR,
                       .has_version = true,
                       .version = entry->version,
                       .name = m->name,
                       .file = m->up.path,
                       .message =
                           arena_printf(b->arena,
                                        "version %" PRId64
                                        " was applied as '%s', the file says '%s'",
                                        entry->version, entry->applied->name, m->name),
                       .hint = arena_printf(b->arena,
                                            "Give the file its old name back, or accept "
                                            "the new one: luamig repair %s.",
                                            m->version_text) });
}

void
plan_report_drift(struct plan_builder *b, const struct plan_entry *entry)
{
    const struct migration *m = entry->migration;
    bool error = b->in->settings->drift == DRIFT_ERROR;

    add_problem(b, (struct problem){
                       .kind = PROBLEM_DRIFT,
                       .level = error ? PROBLEM_ERROR : PROBLEM_WARNING,
                       .has_version = true,
                       .version = entry->version,
                       .name = m->name,
                       .file = m->up.path,
                       .message =
                           arena_printf(b->arena, "%s was changed after it was applied",
                                        source_label(m, b->arena)),
                       .hint = arena_printf(b->arena,
                                            "Put the change into a new migration, or "
                                            "accept it: luamig repair %s.",
                                            m->version_text) });
}

void
plan_report_orphan(struct plan_builder *b, const struct plan_entry *entry)
{
    bool error = b->in->settings->orphans_error;

    add_problem(b, (struct problem){
                       .kind = PROBLEM_ORPHAN,
                       .level = error ? PROBLEM_ERROR : PROBLEM_WARNING,
                       .has_version = true,
                       .version = entry->version,
                       .name = entry->applied->name,
                       .message = arena_printf(b->arena,
                                               "%" PRId64
                                               "_%s is applied, but has no file in '%s'",
                                               entry->version, entry->applied->name,
                                               b->in->source->dir) });
}

void
plan_report_left(struct plan_builder *b, const struct plan_entry *entry,
                 const struct plan_entry *lower)
{
    const struct migration *m = entry->migration;

    add_problem(b,
                (struct problem){
                    .kind = PROBLEM_BACKGROUND,
                    .level = PROBLEM_NOTE,
                    .has_version = true,
                    .version = entry->version,
                    .name = m->name,
                    .message = arena_printf(b->arena,
                                            "%s is left for now: %s, which is below "
                                            "it, is pending; run 'luamig up' first",
                                            source_label(m, b->arena),
                                            source_label(lower->migration, b->arena)) });
}

static bool
is_late(const struct plan *plan, const struct plan_entry *entry)
{
    return plan_is_pending(entry) && !entry->migration->background && plan->has_highest &&
           entry->version < plan->highest;
}

/* One problem for all late steps: a long-lived folder may have many. */
void
plan_report_late(struct plan_builder *b)
{
    const struct plan *plan = b->plan;
    bool error = b->in->settings->out_of_order_error;
    struct strbuf list = { 0 };

    for (size_t i = 0; i < plan->step_count; i++) {
        if (is_late(plan, plan->steps[i]))
            strbuf_printf(&list, "%s%s", list.len > 0 ? ", " : "",
                          source_label(plan->steps[i]->migration, b->arena));
    }
    if (list.len > 0)
        add_problem(b, (struct problem){
                           .kind = PROBLEM_LATE,
                           .level = error ? PROBLEM_ERROR : PROBLEM_NOTE,
                           .message = arena_printf(b->arena,
                                                   "late (below %" PRId64
                                                   ", the highest applied): "
                                                   "%s",
                                                   plan->highest, list.text),
                           .hint =
                               error ? "Give them higher versions, or set out_of_order = "
                                       "\"apply\"."
                                     : NULL });
    strbuf_release(&list);
}

/* What does not run is said, each time; a half-done one is more than a note. */
void
plan_report_excluded(struct plan_builder *b)
{
    const struct plan *plan = b->plan;
    struct strbuf list = { 0 };
    bool partial = false;

    for (size_t i = 0; i < plan->entry_count; i++) {
        const struct plan_entry *entry = &plan->entries[i];
        bool half_done = plan_is_partial(b->in->set, entry->version);

        if (entry->state != STATE_EXCLUDED)
            continue;
        strbuf_printf(&list, "%s%s%s", list.len > 0 ? ", " : "",
                      source_label(entry->migration, b->arena),
                      half_done ? " (half done)" : "");
        partial = partial || half_done;
    }
    if (list.len > 0)
        add_problem(b,
                    (struct problem){
                        .kind = partial ? PROBLEM_PARTIAL : PROBLEM_EXCLUDED,
                        .level = partial ? PROBLEM_WARNING : PROBLEM_NOTE,
                        .message = arena_printf(b->arena, "excluded: %s", list.text) });
    strbuf_release(&list);
}

void
plan_report_wrong_folder(struct plan_builder *b)
{
    const struct source *source = b->in->source;

    if (!plan_is_wrong_folder(b))
        return;
    add_problem(b,
                (struct problem){
                    .kind = PROBLEM_WRONG_FOLDER,
                    .level = PROBLEM_ERROR,
                    .file = source->dir,
                    .message = arena_printf(b->arena,
                                            "wrong folder? all %zu applied are orphans",
                                            b->in->set->count),
                    .hint = "Name the migrations folder with --dir." });
}

void
plan_report_only_applied(struct plan_builder *b, const struct plan_entry *entry)
{
    add_problem(b,
                (struct problem){
                    .kind = PROBLEM_PENDING,
                    .level = PROBLEM_NOTE,
                    .has_version = true,
                    .version = entry->version,
                    .name = entry->migration->name,
                    .message = arena_printf(b->arena, "%s is already applied",
                                            source_label(entry->migration, b->arena)) });
}
