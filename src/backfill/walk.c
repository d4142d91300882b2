#include "backfill/walk.h"

#include "base/strbuf.h"

static const char *
take(struct strbuf *sb, struct arena *arena)
{
    const char *text = arena_strdup(arena, strbuf_text(sb));

    strbuf_release(sb);
    return text;
}

/* A row of columns or of values, which a single one is without parentheses. */
static const char *
columns_row(const struct target *target, const char *qualifier, struct arena *arena)
{
    struct strbuf row = { 0 };

    for (size_t i = 0; i < target->key_count; i++)
        strbuf_printf(&row, "%s%s%s", i > 0 ? ", " : "(", qualifier,
                      target->keys[i].ident);
    strbuf_putc(&row, ')');
    return take(&row, arena);
}

static const char *
cursor_row(const struct target *target, int param, struct arena *arena)
{
    struct strbuf row = { 0 };

    for (size_t i = 0; i < target->key_count; i++)
        strbuf_printf(&row, "%s(($%d::pg_catalog.jsonb ->> %zu)::%s)", i > 0 ? ", " : "(",
                      param, i, target->keys[i].type);
    strbuf_putc(&row, ')');
    return take(&row, arena);
}

const char *
walk_condition(const struct target *target, enum walk_from from, const char *qualifier,
               struct arena *arena)
{
    const char *columns = columns_row(target, qualifier, arena);
    const char *hi = cursor_row(target, 2, arena);

    /* A parameter needs a type, also where there is none. */
    if (from == WALK_START)
        return arena_printf(arena, "($1::pg_catalog.jsonb IS NULL AND %s <= %s)", columns,
                            hi);
    return arena_printf(arena, "(%s %s %s AND %s <= %s)", columns,
                        from == WALK_AT ? ">=" : ">", cursor_row(target, 1, arena),
                        columns, hi);
}

const char *
walk_keys(const struct target *target, const char *order, struct arena *arena)
{
    struct strbuf list = { 0 };

    for (size_t i = 0; i < target->key_count; i++)
        strbuf_printf(&list, "%s%s.%s%s", i > 0 ? ", " : "", target->alias,
                      target->keys[i].ident, order);
    return take(&list, arena);
}

static const char *
alias_condition(const struct target *target, enum walk_from from, struct arena *arena)
{
    return walk_condition(target, from, arena_printf(arena, "%s.", target->alias), arena);
}

const char *
walk_top_sql(const struct target *target, struct arena *arena)
{
    return arena_printf(arena,
                        "SELECT pg_catalog.jsonb_build_array(%s) FROM %s ORDER BY %s"
                        " LIMIT 1",
                        walk_keys(target, "", arena), target->from,
                        walk_keys(target, " DESC", arena));
}

const char *
walk_end_sql(const struct target *target, enum walk_from from, struct arena *arena)
{
    const char *keys = walk_keys(target, "", arena);

    /* In one SELECT the array would be built for each row that OFFSET passes by. */
    return arena_printf(
        arena,
        "SELECT pg_catalog.jsonb_build_array(%s) FROM (SELECT %s FROM %s"
        " WHERE %s ORDER BY %s OFFSET $3::pg_catalog.int8 - 1 LIMIT 1) %s",
        keys, keys, target->from, alias_condition(target, from, arena), keys,
        target->alias);
}

#define AWAY(name)                                                                       \
    " pg_catalog.set_config('luamig." name "', pg_catalog.current_setting('" name        \
    "'), true), pg_catalog.set_config('" name "', 'off', true)"
#define BACK(name)                                                                       \
    " pg_catalog.set_config('" name "', pg_catalog.current_setting('luamig." name        \
    "'), true)"

const char walk_end_before[] =
    "SELECT" AWAY("enable_sort") "," AWAY("enable_bitmapscan") "," AWAY("enable_seqscan");
const char walk_end_behind[] =
    "SELECT" BACK("enable_sort") "," BACK("enable_bitmapscan") "," BACK("enable_seqscan");

const char *
walk_count_sql(const struct target *target, enum walk_from from, struct arena *arena)
{
    return arena_printf(arena, "SELECT count(*) FROM %s WHERE %s", target->from,
                        alias_condition(target, from, arena));
}

const char *
walk_cursor_sql(const struct target *target, struct arena *arena)
{
    struct strbuf list = { 0 };

    for (size_t i = 0; i < target->key_count; i++)
        strbuf_printf(&list, "%s$%zu::%s", i > 0 ? ", " : "", i + 1,
                      target->keys[i].type);
    return arena_printf(arena, "SELECT pg_catalog.jsonb_build_array(%s)",
                        take(&list, arena));
}
