#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "backfill/state.h"
#include "pg/exec.h"

#define FEW    100 /* keys that came meanwhile: they are the application's to write right */
#define PASSES 4   /* the first, and what came meanwhile for three times */

/* A query of luamig's about the table, under the settings of a batch. */
bool
backfill_ask(struct backfill *b, const char *sql, const struct pg_params *params,
             struct arena *arena, const char **text, struct error *err)
{
    return backfill_begin(b, false, err) &&
           exec_text(b->env->work, sql, params, arena, text, err) &&
           backfill_commit(b, false, err);
}

/* The same for what goes through the key's index in its order. */
static bool
ask_walking(struct backfill *b, const char *sql, const struct pg_params *params,
            struct arena *arena, const char **text, struct error *err)
{
    return backfill_begin(b, false, err) &&
           exec_command(b->env->work, walk_end_before, NULL, err) &&
           exec_text(b->env->work, sql, params, arena, text, err) &&
           backfill_commit(b, false, err);
}

static int64_t
number(const char *text)
{
    return text != NULL ? strtoll(text, NULL, 10) : 0;
}

void
backfill_clear(struct backfill *b)
{
    batch_clear(b->now);
    batch_clear(b->next);
}

/* Where the pass ends, once more or for the first time; *end: there is nothing more. */
static bool
take_upper(struct backfill *b, bool *end, struct error *err)
{
    struct claim_bounds next = { .pass = b->bounds.pass + 1, .before = b->rows };
    bool first = b->bounds.upper == NULL;

    *end = !first && (next.pass > PASSES || b->rows - b->bounds.before < FEW);
    if (*end)
        return true;
    if (first) {
        next.pass = 1;
        next.before = 0;
    }
    if (!ask_walking(b, walk_top_sql(&b->target, &b->arena), NULL, &b->arena, &next.upper,
                     err))
        return false;
    *end =
        next.upper == NULL || (b->cursor != NULL && strcmp(next.upper, b->cursor) == 0);
    if (*end)
        return true;
    b->bounds = next;
    return backfill_begin(b, true, err) &&
           claim_write_bounds(&b->claim, &b->bounds, b->total, err) &&
           backfill_commit(b, true, err);
}

/* The range behind the cursor, with at most a batch's keys; keys 0: the pass is over. */
static bool
find_range(struct backfill *b, struct arena *arena, struct range *range,
           struct error *err)
{
    int64_t size = pace_size(&b->pace);
    const char *count = NULL;
    struct pg_params three, two;
    const char *values[3];

    *range = (struct range){ .from = b->cursor != NULL ? WALK_BEHIND : WALK_START,
                             .lo = arena_strdup(arena, b->cursor),
                             .keys = size };
    values[0] = b->cursor;
    values[1] = b->bounds.upper;
    values[2] = arena_printf(arena, "%" PRId64, size);
    three = (struct pg_params){ .count = 3, .values = values };
    two = (struct pg_params){ .count = 2, .values = values };
    if (!ask_walking(b, walk_end_sql(&b->target, range->from, arena), &three, arena,
                     &range->hi, err))
        return false;
    if (range->hi != NULL)
        return true;
    if (!backfill_ask(b, walk_count_sql(&b->target, range->from, arena), &two, arena,
                      &count, err))
        return false;
    range->hi = arena_strdup(arena, b->bounds.upper);
    range->keys = number(count);
    return true;
}

/* A range to go on with, in the slot where its kind begins; *end: all is walked. */
bool
backfill_begin_range(struct backfill *b, bool *end, struct error *err)
{
    struct batch *slot = b->spec->kind == BACKFILL_MAP ? b->next : b->now;

    *end = false;
    backfill_clear(b);
    while (!*end && slot->range.keys == 0) {
        if (b->bounds.upper == NULL && !take_upper(b, end, err))
            return false;
        if (*end)
            break;
        if (!find_range(b, &slot->arena, &slot->range, err))
            return false;
        if (slot->range.keys == 0 && !take_upper(b, end, err))
            return false;
    }
    slot->present = !*end;
    return true;
}
