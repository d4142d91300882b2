#include <stdlib.h>
#include <string.h>

#include "backfill/state.h"
#include "pg/exec.h"
#include "pg/text.h"

/* The rows of a batch that are not written yet. */
struct settling {
    struct backfill *b;
    struct batch *batch;
    struct arena arena;
    bool *written;                 /* by place in changes */
    const struct changes *changes; /* what was sent */
    const struct rows *rows;       /* whose rows these are */
    struct changes keys, values;
    struct rows found;
    struct claim_counts *counts;
    struct error *err;
};

static bool
mark_written(struct settling *s, const char *numbers)
{
    struct text_array array = text_array_begin(numbers, strlen(numbers));
    enum text_array_token token;

    s->written = arena_alloc(&s->arena, s->changes->count + 1);
    while ((token = text_array_next(&array)) != ARRAY_END) {
        size_t n;

        if (token == ARRAY_BAD)
            break;
        if (token != ARRAY_ELEMENT)
            continue;
        n = (size_t)strtoul(array.raw, NULL, 10);
        if (n == 0 || n > s->changes->count)
            return error_set(s->err, ERROR_INTERNAL, "a batch wrote row %zu of %zu", n,
                             s->changes->count);
        s->written[n - 1] = true;
    }
    return true;
}

static void
take_keys(struct settling *s)
{
    changes_reset(&s->keys);
    for (size_t i = 0; i < s->changes->count; i++) {
        if (!s->written[i])
            changes_row(&s->keys, s->rows, s->changes->rows[i]);
    }
}

/* What is there now, locked: nobody can change it any more. */
static bool
read_again(struct settling *s)
{
    struct backfill *b = s->b;
    struct pg_params params;
    const char *sql =
        write_again_sql(&b->target, s->batch->range.from, b->spec->where, &s->arena);
    PGresult *res;

    changes_params(&s->keys, &s->batch->range, b->target.key_count, &s->arena, &params);
    if (!exec_query(b->env->work, sql, &params, &res, s->err))
        return false;
    rows_reset(&s->found);
    rows_add(&s->found, res);
    PQclear(res);
    return true;
}

/* Which of the batch's rows the found one was. */
static size_t
sent_row(const struct settling *s, size_t row)
{
    const char *n = rows_value(&s->found, row, s->found.width - 1, NULL);

    return s->keys.rows[strtoul(n, NULL, 10) - 1];
}

/* The row's xmin is the one that guarded the write: then a trigger refused it. */
static bool
was_suppressed(const struct settling *s, size_t row)
{
    size_t keys = s->b->target.key_count;

    return strcmp(rows_value(&s->found, row, keys, NULL),
                  rows_value(s->rows, sent_row(s, row), keys, NULL)) == 0;
}

static bool
map_row(struct settling *s, size_t row)
{
    const struct backfill_calls *calls = s->b->calls;
    struct error why = { 0 };
    size_t bad;

    if (calls->map(calls->ctx, &s->found, row, row + 1, &s->values, &bad, &why))
        return true;
    if (!backfill_is_row_error(&why) || !backfill_may_fail(s->b)) {
        *s->err = why;
        return false;
    }
    batch_note_error(s->batch, sent_row(s, row), &why);
    return true;
}

static bool
map_again(struct settling *s)
{
    changes_reset(&s->values);
    s->counts->conflicts += (int64_t)(s->keys.count - s->found.count);
    for (size_t row = 0; row < s->found.count; row++) {
        if (was_suppressed(s, row)) {
            s->counts->suppressed++;
            continue;
        }
        s->counts->conflicts++;
        if (!map_row(s, row))
            return false;
    }
    return true;
}

/* Locked rows that are not written were refused by a trigger. */
static bool
write_again(struct settling *s)
{
    struct backfill *b = s->b;
    struct pg_params params;
    const char *sql;
    PGresult *res;
    int64_t written;

    if (s->values.count == 0)
        return true;
    sql = write_sql(&b->target, s->batch->range.from, &s->arena);
    changes_params(&s->values, &s->batch->range, s->values.width, &s->arena, &params);
    if (!exec_query(b->env->work, sql, &params, &res, s->err))
        return false;
    written = strtoll(PQcmdTuples(res), NULL, 10);
    PQclear(res);
    s->counts->written += written;
    s->counts->suppressed += (int64_t)s->values.count - written;
    return true;
}

static bool
settle(struct settling *s, const char *numbers)
{
    if (!mark_written(s, numbers))
        return false;
    take_keys(s);
    s->counts->written -= (int64_t)s->keys.count;
    return s->keys.count == 0 || (read_again(s) && map_again(s) && write_again(s));
}

bool
conflicts_settle(struct backfill *b, struct batch *batch, const char *written,
                 struct claim_counts *counts, struct error *err)
{
    struct settling s = { .b = b,
                          .batch = batch,
                          .changes = &batch->changes,
                          .rows = &batch->rows,
                          .counts = counts,
                          .err = err };
    bool ok;

    changes_init(&s.keys, &b->target, &s.arena);
    changes_init(&s.values, &b->target, &s.arena);
    ok = settle(&s, written);
    changes_release(&s.keys);
    changes_release(&s.values);
    rows_release(&s.found);
    arena_release(&s.arena);
    return ok;
}
