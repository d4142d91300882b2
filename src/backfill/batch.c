#include <string.h>

#include "backfill/state.h"
#include "pg/exec.h"
#include "pg/role.h"

#define FIRST_SLICE 4   /* rows that are mapped at a time */
#define MOST_SLICE  256 /* between two looks at the server */
#define SLICE_BYTES ((size_t)256 << 10)

void
batch_rewind(struct batch *batch)
{
    rows_reset(&batch->rows);
    changes_reset(&batch->changes);
    batch->full = batch->failed = false;
    batch->cut = batch->mapped = 0;
    batch->errors = NULL;
    batch->error_count = 0;
}

void
batch_clear(struct batch *batch)
{
    batch_rewind(batch);
    arena_release(&batch->arena);
    batch->range = (struct range){ 0 };
    batch->present = batch->skip = batch->retry = false;
}

void
batch_note_error(struct batch *batch, size_t row, const struct error *why)
{
    struct failed_row *failed = arena_alloc(&batch->arena, sizeof(*failed));

    failed->row = row;
    failed->message = arena_strdup(&batch->arena, why->message);
    memcpy(failed->sqlstate, why->sqlstate, sizeof(failed->sqlstate));
    failed->next = batch->errors;
    batch->errors = failed;
    batch->error_count++;
}

static bool
is_class(const struct error *err, const char *prefix)
{
    return strncmp(err->sqlstate, prefix, strlen(prefix)) == 0;
}

/* Data that does not fit, a constraint, RAISE, a row that its own trigger changed. */
bool
backfill_is_row_error(const struct error *err)
{
    if (err->kind == ERROR_SCRIPT)
        return err->sqlstate[0] == '\0';
    return err->kind == ERROR_SQL && (is_class(err, "22") || is_class(err, "23") ||
                                      is_class(err, "P0001") || is_class(err, "27000"));
}

bool
backfill_may_fail(const struct backfill *b)
{
    return b->errors + b->now->error_count + b->next->error_count < b->spec->errors;
}

/* The row that failed is named; the rest of the batch goes on without it if it may. */
static void
take_failure(struct backfill *b, struct batch *batch, size_t bad, struct error *why)
{
    batch->mapped = bad;
    if (backfill_is_row_error(why) && (batch->retry || backfill_may_fail(b))) {
        batch_note_error(batch, bad, why);
        batch->mapped++;
        return;
    }
    batch->failed = true;
    batch->cut = bad;
    batch->why = *why;
    if (backfill_is_row_error(why))
        error_within(&batch->why, "row %s of '%s'",
                     write_key_text(&b->target, &batch->rows, bad, &batch->arena),
                     b->target.shown);
}

/* So many rows that what they are mapped to is looked at before it is too much. */
static size_t
slice(const struct batch *batch)
{
    size_t bytes = changes_bytes(&batch->changes), fit;

    if (batch->mapped == 0)
        return FIRST_SLICE;
    fit = SLICE_BYTES * batch->mapped / (bytes + 1);
    if (fit < 1)
        return 1;
    return fit < MOST_SLICE ? fit : MOST_SLICE;
}

void
backfill_map(struct backfill *b, struct batch *batch)
{
    size_t last = batch->mapped + slice(batch), bad = 0;
    struct error why = { 0 };

    if (last > batch->rows.count)
        last = batch->rows.count;
    if (!b->calls->map(b->calls->ctx, &batch->rows, batch->mapped, last, &batch->changes,
                       &bad, &why)) {
        take_failure(b, batch, bad, &why);
        return;
    }
    batch->mapped = last;
    if (changes_bytes(&batch->changes) <= BACKFILL_BYTES || last == batch->rows.count)
        return;
    batch->full = true;
    batch->cut = last;
    batch->rows.count = last;
}

/* Values read and written as everywhere, whatever the session's settings are. */
const char *
backfill_settings(const struct backfill *b, struct arena *arena)
{
    const struct backfill_env *env = b->env;
    int64_t behind = env->work->server->deadlock_timeout + 250;
    int64_t timeout = 2 * b->spec->pace > behind ? 2 * b->spec->pace : behind;

    if (env->lock_timeout >= 0)
        timeout = env->lock_timeout;
    return arena_printf(arena,
                        "SELECT pg_catalog.set_config('lock_timeout', '%lld', true),"
                        " pg_catalog.set_config('row_security', 'off', true),"
                        " pg_catalog.set_config('extra_float_digits', '1', true),"
                        "%s pg_catalog.set_config('plan_cache_mode',"
                        " 'force_custom_plan', true)",
                        (long long)timeout,
                        b->spec->kind == BACKFILL_MAP
                            ? " pg_catalog.set_config('datestyle', 'ISO', true),"
                            : "");
}

bool
backfill_role(struct backfill *b, const char *const *list, struct error *err)
{
    for (; b->roles && *list != NULL; list++) {
        if (!exec_command(b->env->work, *list, NULL, err))
            return false;
    }
    return true;
}

bool
backfill_begin(struct backfill *b, bool own, struct error *err)
{
    struct arena arena = { 0 };
    bool ok = exec_command(b->env->work, BACKFILL_BEGIN, NULL, err) &&
              exec_command(b->env->work, backfill_settings(b, &arena), NULL, err) &&
              (!own || backfill_role(b, role_own, err));

    arena_release(&arena);
    return ok;
}

bool
backfill_commit(struct backfill *b, bool own, struct error *err)
{
    return (!own || backfill_role(b, role_file, err)) && exec_commit(b->env->work, err);
}

bool
backfill_cursor(struct backfill *b, const struct rows *rows, size_t row,
                struct arena *arena, const char **cursor, struct error *err)
{
    const char **values = arena_alloc(arena, b->target.key_count * sizeof(*values));
    struct pg_params params = { .count = (int)b->target.key_count, .values = values };

    for (size_t i = 0; i < b->target.key_count; i++)
        values[i] = rows_value(rows, row, i, NULL);
    return exec_text(b->env->work, walk_cursor_sql(&b->target, arena), &params, arena,
                     cursor, err);
}

/* "{range}" is the condition; "{range:u}" that of alias u. */
const char *
backfill_script_sql(const struct backfill *b, const struct batch *batch,
                    struct arena *arena)
{
    struct strbuf sql = { 0 };
    const char *p = b->spec->sql, *found, *end, *text;

    while ((found = strstr(p, "{range")) != NULL &&
           (found[6] == '}' || found[6] == ':') && (end = strchr(found, '}')) != NULL) {
        const char *alias =
            found[6] == ':' ? arena_strndup(arena, found + 7, (size_t)(end - found - 7))
                            : "";
        const char *qualifier =
            arena_printf(arena, "%s%s", alias, alias[0] != '\0' ? "." : "");

        strbuf_add(&sql, p, (size_t)(found - p));
        strbuf_puts(&sql,
                    walk_condition(&b->target, batch->range.from, qualifier, arena));
        p = end + 1;
    }
    strbuf_puts(&sql, p);
    text = arena_strdup(arena, sql.text);
    strbuf_release(&sql);
    return text;
}
