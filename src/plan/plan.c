#include "plan/plan.h"

#include <inttypes.h>
#include <string.h>

#include "plan/plan_report.h"

const char *
plan_state_word(enum plan_state state)
{
    switch (state) {
    case STATE_APPLIED: return "applied";
    case STATE_PENDING: return "pending";
    case STATE_LATE: return "late";
    case STATE_PARTIAL: return "partial";
    case STATE_RENAMED: return "renamed";
    case STATE_DRIFT: return "drift";
    case STATE_ORPHAN: return "orphan";
    case STATE_EXCLUDED: return "excluded";
    }
    return "pending";
}

const char *
plan_entry_name(const struct plan_entry *entry)
{
    return entry->migration != NULL ? entry->migration->name : entry->applied->name;
}

void
plan_count(const struct plan *plan, int64_t counts[STATE_EXCLUDED + 1])
{
    memset(counts, 0, (STATE_EXCLUDED + 1) * sizeof(*counts));
    for (size_t i = 0; i < plan->entry_count; i++)
        counts[plan->entries[i].state]++;
    counts[STATE_PENDING] = (int64_t)plan->pending;
    counts[STATE_LATE] = (int64_t)plan->late;
}

const struct applied *
applied_set_find(const struct applied_set *set, int64_t version)
{
    for (size_t i = 0; i < set->count; i++) {
        if (set->rows[i].version == version)
            return &set->rows[i];
    }
    return NULL;
}

static enum plan_state
state_of_both(struct plan_builder *b, const struct plan_entry *entry, size_t row)
{
    if (strcmp(entry->migration->name, entry->applied->name) != 0) {
        plan_report_renamed(b, entry);
        return STATE_RENAMED;
    }
    if (b->in->drifted != NULL && b->in->drifted[row] &&
        b->in->settings->drift != DRIFT_OFF) {
        plan_report_drift(b, entry);
        return STATE_DRIFT;
    }
    return STATE_APPLIED;
}

static enum plan_state
state_of_pending(struct plan_builder *b, const struct migration *migration)
{
    struct plan *plan = b->plan;
    int64_t version = migration->version;
    bool late = plan->has_highest && version < plan->highest;

    if (migration->excluded) {
        plan->excluded++;
        return STATE_EXCLUDED;
    }
    if (migration->background) {
        plan->background++;
        late = false;
    } else {
        plan->pending++;
        plan->late += late;
    }
    if (plan_is_partial(b->in->set, version))
        return STATE_PARTIAL;
    return late ? STATE_LATE : STATE_PENDING;
}

static void
add_entry(struct plan_builder *b, const struct migration *migration, size_t row,
          bool applied)
{
    struct plan_entry *entry = &b->plan->entries[b->plan->entry_count++];
    const struct applied *rows = b->in->set->rows;

    *entry = (struct plan_entry){ .migration = migration,
                                  .applied = applied ? &rows[row] : NULL };
    if (migration == NULL) {
        entry->version = rows[row].version;
        entry->state = STATE_ORPHAN;
        if (!plan_is_wrong_folder(b))
            plan_report_orphan(b, entry);
        return;
    }
    entry->version = migration->version;
    entry->state =
        applied ? state_of_both(b, entry, row) : state_of_pending(b, migration);
}

/* Both lists are ascending. */
static void
merge(struct plan_builder *b)
{
    const struct source *source = b->in->source;
    const struct applied_set *set = b->in->set;
    size_t file = 0, row = 0;

    b->plan->entries =
        arena_alloc(b->arena, (source->count + set->count + b->in->repeat_count + 1) *
                                  sizeof(*b->plan->entries));
    while (file < source->count || row < set->count) {
        const struct migration *m =
            file < source->count ? &source->migrations[file] : NULL;
        const struct applied *a = row < set->count ? &set->rows[row] : NULL;
        bool has_file = m != NULL && (a == NULL || m->version <= a->version);
        bool has_row = a != NULL && (m == NULL || a->version <= m->version);

        add_entry(b, has_file ? m : NULL, row, has_row);
        file += has_file;
        row += has_row;
    }
}

/* Their version is beyond all others: never late, never asked for by number. */
static void
add_repeats(struct plan_builder *b)
{
    for (size_t i = 0; i < b->in->repeat_count; i++) {
        const struct repeat *repeat = &b->in->repeats[i];

        b->plan->entries[b->plan->entry_count++] = (struct plan_entry){
            .version = INT64_MAX,
            .state = !repeat->changed              ? STATE_APPLIED
                     : repeat->migration->excluded ? STATE_EXCLUDED
                                                   : STATE_PENDING,
            .migration = repeat->migration,
            .applied = repeat->applied,
        };
        b->plan->pending += repeat->changed && !repeat->migration->excluded;
        b->plan->excluded += repeat->changed && repeat->migration->excluded;
    }
}

static bool
is_among(const struct plan_request *request, int64_t version)
{
    for (size_t i = 0; i < request->only_count; i++) {
        if (request->only[i] == version)
            return true;
    }
    return request->only_count == 0;
}

static bool
is_asked_for(const struct plan_builder *b, const struct plan_entry *entry)
{
    const struct plan_request *request = b->in->request;

    if (!plan_is_pending(entry) || !is_among(request, entry->version))
        return false;
    if (request->only_count == 0 && entry->migration->background != request->background)
        return false;
    if (entry->migration->repeatable &&
        (request->has_to || request->has_count || request->only_count > 0))
        return false;
    if (request->has_to && entry->version > request->to)
        return false;
    return !request->has_count || b->plan->step_count < request->count;
}

static void
choose_steps(struct plan_builder *b)
{
    struct plan *plan = b->plan;
    const struct plan_entry *lower = NULL; /* pending, and for `up` */

    plan->steps = arena_alloc(b->arena, (plan->entry_count + 1) *
                                            sizeof(const struct plan_entry *));
    for (size_t i = 0; i < plan->entry_count; i++) {
        const struct plan_entry *entry = &plan->entries[i];

        if (!is_asked_for(b, entry)) {
            if (lower == NULL && plan_is_pending(entry) && !entry->migration->background)
                lower = entry;
        } else if (b->in->request->background && lower != NULL) {
            plan_report_left(b, entry, lower);
        } else {
            plan->steps[plan->step_count++] = entry;
        }
    }
}

static const struct plan_entry *
find_entry(const struct plan *plan, int64_t version)
{
    for (size_t i = 0; i < plan->entry_count; i++) {
        if (plan->entries[i].version == version)
            return &plan->entries[i];
    }
    return NULL;
}

static bool
not_on_disk(struct plan_builder *b, int64_t version)
{
    const struct source *source = b->in->source;
    const struct migration *below = NULL, *above = NULL;

    for (size_t i = 0; i < source->count; i++) {
        if (source->migrations[i].version < version)
            below = &source->migrations[i];
        else if (above == NULL)
            above = &source->migrations[i];
    }
    error_set(b->err, ERROR_USAGE, "version %" PRId64 " is not in '%s'", version,
              source->dir);
    if (below == NULL && above == NULL)
        return error_hint(b->err, "The folder holds no migrations.");
    return error_hint(b->err, "Near it: %s%s%s.",
                      below != NULL ? below->version_text : "",
                      below != NULL && above != NULL ? ", " : "",
                      above != NULL ? above->version_text : "");
}

static bool
check_request(struct plan_builder *b)
{
    const struct plan_request *request = b->in->request;

    if (request->only_count > 0 && (request->has_to || request->has_count))
        return error_set(b->err, ERROR_USAGE, "--only does not go with --to or --count");
    if (request->has_count && request->count == 0)
        return error_set(b->err, ERROR_USAGE, "--count must be at least 1");
    if (request->has_to && source_find(b->in->source, request->to) == NULL)
        return not_on_disk(b, request->to);
    for (size_t i = 0; i < request->only_count; i++) {
        if (source_find(b->in->source, request->only[i]) == NULL)
            return not_on_disk(b, request->only[i]);
    }
    return true;
}

static bool
check_only(struct plan_builder *b)
{
    const struct plan_request *request = b->in->request;

    for (size_t i = 0; i < request->only_count; i++) {
        const struct plan_entry *entry = find_entry(b->plan, request->only[i]);

        if (entry == NULL || entry->state != STATE_EXCLUDED)
            continue;
        error_set(b->err, ERROR_USAGE, "version %" PRId64 " is excluded", entry->version);
        return error_hint(b->err,
                          "Leave it out of --exclude (LUAMIG_EXCLUDE, exclude), or "
                          "of --only.");
    }
    return true;
}

bool
plan_build(const struct plan_input *in, struct arena *arena, struct plan *out,
           struct problems *problems, struct error *err)
{
    struct plan_builder b = {
        .in = in, .arena = arena, .plan = out, .problems = problems, .err = err
    };

    *out = (struct plan){ 0 };
    if (!check_request(&b))
        return false;
    if (in->set->count > 0) {
        out->has_highest = true;
        out->highest = in->set->rows[in->set->count - 1].version;
    }
    merge(&b);
    add_repeats(&b);
    if (!check_only(&b))
        return false;
    choose_steps(&b);
    plan_report_wrong_folder(&b);
    plan_report_late(&b);
    plan_report_excluded(&b);
    for (size_t i = 0; i < in->request->only_count; i++) {
        const struct plan_entry *entry = find_entry(out, in->request->only[i]);

        if (entry != NULL && !plan_is_pending(entry))
            plan_report_only_applied(&b, entry);
    }
    return true;
}
