#include "plan/plan_down.h"

#include <inttypes.h>
#include <stdlib.h>

static int
last_first(const void *a, const void *b)
{
    const struct plan_entry *left = a, *right = b;

    if (left->applied->order != right->applied->order)
        return left->applied->order < right->applied->order ? 1 : -1;
    return (left->version < right->version) - (left->version > right->version);
}

static bool
check_request(const struct source *source, const struct applied_set *set,
              const struct down_request *request, struct error *err)
{
    if (request->has_to && source_find(source, request->to) == NULL &&
        applied_set_find(set, request->to) == NULL)
        return error_set(err, ERROR_USAGE,
                         "version %" PRId64 " is neither in '%s' nor applied",
                         request->to, source->dir);
    if (request->has_only && applied_set_find(set, request->only) == NULL)
        return error_set(err, ERROR_PLAN, "version %" PRId64 " is not applied",
                         request->only);
    if (!request->has_to && !request->has_only && !request->all && request->count == 0)
        return error_set(err, ERROR_USAGE, "--count must be at least 1");
    return true;
}

static bool
is_wanted(const struct down_request *request, const struct down_plan *plan,
          const struct plan_entry *entry)
{
    if (request->all)
        return true;
    if (request->has_only)
        return entry->version == request->only;
    if (request->has_to)
        return entry->version > request->to;
    return plan->count < request->count;
}

/* What is half done stands on what is below it. */
static bool
check_partial(const struct applied_set *set, const struct down_plan *plan,
              struct error *err)
{
    for (size_t i = 0; i < set->partial_count; i++) {
        for (size_t k = 0; k < plan->count; k++) {
            if (set->partial[i] <= plan->steps[k].version)
                continue;
            error_set(err, ERROR_PLAN,
                      "version %" PRId64 " is half done; nothing below it can be undone",
                      set->partial[i]);
            return error_hint(err, "Finish it first: `luamig up`.");
        }
    }
    return true;
}

bool
plan_down(const struct source *source, const struct applied_set *set,
          const struct down_request *request, struct arena *arena, struct down_plan *out,
          struct error *err)
{
    struct plan_entry *all = arena_alloc(arena, (set->count + 1) * sizeof(*all));

    *out = (struct down_plan){ 0 };
    if (!check_request(source, set, request, err))
        return false;
    for (size_t i = 0; i < set->count; i++)
        all[i] =
            (struct plan_entry){ .version = set->rows[i].version,
                                 .migration = source_find(source, set->rows[i].version),
                                 .applied = &set->rows[i] };
    if (set->count > 1)
        qsort(all, set->count, sizeof(*all), last_first);
    out->steps = arena_alloc(arena, (set->count + 1) * sizeof(*out->steps));
    for (size_t i = 0; i < set->count; i++) {
        if (is_wanted(request, out, &all[i]))
            out->steps[out->count++] = all[i];
    }
    return check_partial(set, out, err);
}
