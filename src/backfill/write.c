#include "backfill/write.h"

#include <stdlib.h>
#include <string.h>

#include "pg/text.h"

#define KEPT ((size_t)4 << 20) /* bytes of memory that a large batch may leave */

void
changes_init(struct changes *changes, const struct target *target, struct arena *arena)
{
    *changes = (struct changes){ .keys = target->key_count,
                                 .width = target->key_count + 1 + target->set_count };
    changes->columns = arena_alloc(arena, changes->width * sizeof(*changes->columns));
}

void
changes_reset(struct changes *changes)
{
    for (size_t i = 0; i < changes->width; i++) {
        if (changes->columns[i].size > KEPT)
            strbuf_release(&changes->columns[i]);
        strbuf_reset(&changes->columns[i]);
    }
    changes->count = 0;
}

void
changes_release(struct changes *changes)
{
    for (size_t i = 0; i < changes->width; i++)
        strbuf_release(&changes->columns[i]);
    free(changes->rows);
    *changes = (struct changes){ 0 };
}

size_t
changes_bytes(const struct changes *changes)
{
    size_t bytes = 0;

    for (size_t i = 0; i < changes->width; i++)
        bytes += changes->columns[i].len;
    return bytes;
}

/* An element of an array literal; numbers need no quotes, but nothing is lost by them. */
static void
add(struct changes *changes, size_t column, const char *text, size_t length)
{
    struct strbuf *out = &changes->columns[column];

    strbuf_putc(out, changes->count == 1 ? '{' : ',');
    if (text == NULL) {
        strbuf_add(out, "NULL", 4);
        return;
    }
    strbuf_reserve(out, 2 * length + 2);
    out->len += text_array_quote(text, length, out->text + out->len);
    out->text[out->len] = '\0';
}

void
changes_row(struct changes *changes, const struct rows *rows, size_t row)
{
    changes->rows =
        xgrow(changes->rows, changes->count, &changes->capacity, sizeof(*changes->rows));
    changes->rows[changes->count++] = row;
    for (size_t i = 0; i <= changes->keys; i++) {
        size_t length;
        const char *text = rows_value(rows, row, i, &length);

        add(changes, i, text, length);
    }
}

void
changes_value(struct changes *changes, size_t n, const char *text, size_t length)
{
    add(changes, changes->keys + 1 + n, text, length);
}

void
changes_params(struct changes *changes, const struct range *range, size_t columns,
               struct arena *arena, struct pg_params *params)
{
    const char **list = arena_alloc(arena, (columns + 2) * sizeof(*list));

    list[0] = range->lo;
    list[1] = range->hi;
    for (size_t i = 0; i < columns; i++) {
        struct strbuf *out = &changes->columns[i];

        if (changes->count > 0 && out->text[out->len - 1] != '}')
            strbuf_putc(out, '}');
        list[i + 2] = changes->count > 0 ? out->text : "{}";
    }
    *params = (struct pg_params){ .count = (int)columns + 2, .values = list };
}

/* The parts of the statements. */
struct sql {
    const struct target *target;
    struct arena *arena;
    const char *condition; /* that a row is in the range */
    struct strbuf text;
};

static struct sql
begin(const struct target *target, enum walk_from from, struct arena *arena)
{
    const char *qualifier = arena_printf(arena, "%s.", target->alias);

    return (struct sql){ .target = target,
                         .arena = arena,
                         .condition = walk_condition(target, from, qualifier, arena) };
}

static const char *
end(struct sql *sql)
{
    const char *text = arena_strdup(sql->arena, sql->text.text);

    strbuf_release(&sql->text);
    return text;
}

static void
add_read_list(struct sql *sql)
{
    const struct target *t = sql->target;

    strbuf_printf(&sql->text, "SELECT %s, %s.xmin", walk_keys(t, "", sql->arena),
                  t->alias);
    for (size_t i = 0; i < t->read_count; i++)
        strbuf_printf(&sql->text, ", %s.%s", t->alias, t->reads[i].ident);
}

/* The script's condition may end in a comment. */
static void
add_where(struct sql *sql, const char *where)
{
    if (where != NULL)
        strbuf_printf(&sql->text, " AND (%s\n)", where);
}

const char *
write_read_sql(const struct target *target, enum walk_from from, const char *where,
               bool locked, struct arena *arena)
{
    struct sql sql = begin(target, from, arena);

    add_read_list(&sql);
    strbuf_printf(&sql.text, " FROM %s WHERE %s", target->from, sql.condition);
    add_where(&sql, where);
    strbuf_printf(&sql.text, " ORDER BY %s", walk_keys(target, "", arena));
    if (locked)
        strbuf_printf(&sql.text, " FOR NO KEY UPDATE OF %s", target->alias);
    return end(&sql);
}

/* The type that column i of the arrays has on its way. */
static const char *
array_type(const struct target *t, size_t i)
{
    const struct target_column *column;

    if (i == t->key_count)
        return "pg_catalog.xid";
    column = i < t->key_count ? &t->keys[i] : &t->sets[i - t->key_count - 1];
    return column->array ? "pg_catalog.text" : column->type;
}

/*
 * The arrays as a relation with columns luamig_1... and luamig_n, the number: names that a
 * script's condition cannot mean. In a SELECT list the rows stream; of ROWS FROM each
 * array would be stored first (a twentieth of the batch, measured).
 */
static void
add_arrays(struct sql *sql, size_t columns, bool numbered)
{
    strbuf_puts(&sql->text, "(SELECT ");
    for (size_t i = 0; i < columns; i++)
        strbuf_printf(&sql->text, "%spg_catalog.unnest($%zu::%s[]) AS luamig_%zu",
                      i > 0 ? ", " : "", i + 3, array_type(sql->target, i), i + 1);
    if (numbered)
        strbuf_printf(&sql->text,
                      ", pg_catalog.generate_subscripts($3::%s[], 1) AS luamig_n",
                      array_type(sql->target, 0));
    strbuf_puts(&sql->text, ") luamig_s");
}

static void
add_same_key(struct sql *sql)
{
    const struct target *t = sql->target;

    for (size_t i = 0; i < t->key_count; i++)
        strbuf_printf(&sql->text, "%s%s.%s = luamig_s.luamig_%zu", i > 0 ? " AND " : "",
                      t->alias, t->keys[i].ident, i + 1);
    strbuf_printf(&sql->text, " AND %s", sql->condition);
}

static void
add_update(struct sql *sql, bool numbered)
{
    const struct target *t = sql->target;
    size_t first = t->key_count + 2;

    strbuf_printf(&sql->text, "UPDATE %s SET ", t->from);
    for (size_t i = 0; i < t->set_count; i++) {
        const struct target_column *column = &t->sets[i];

        strbuf_printf(&sql->text, "%s%s = luamig_s.luamig_%zu%s%s", i > 0 ? ", " : "",
                      column->ident, first + i, column->array ? "::" : "",
                      column->array ? column->type : "");
    }
    strbuf_puts(&sql->text, " FROM ");
    add_arrays(sql, t->key_count + 1 + t->set_count, numbered);
    strbuf_puts(&sql->text, " WHERE ");
    add_same_key(sql);
    /* With "=" the join would hash two columns, of which one finds the row. */
    strbuf_printf(&sql->text, " AND %s.xmin IS NOT DISTINCT FROM luamig_s.luamig_%zu",
                  t->alias, t->key_count + 1);
}

const char *
write_sql(const struct target *target, enum walk_from from, struct arena *arena)
{
    struct sql sql = begin(target, from, arena);

    add_update(&sql, false);
    return end(&sql);
}

const char *
write_told_sql(const struct target *target, enum walk_from from, size_t count,
               struct arena *arena)
{
    struct sql sql = begin(target, from, arena);

    strbuf_puts(&sql.text, "WITH luamig_w AS (");
    add_update(&sql, true);
    strbuf_printf(&sql.text,
                  " RETURNING luamig_s.luamig_n)"
                  " SELECT pg_catalog.count(*), CASE WHEN pg_catalog.count(*) < %zu"
                  " THEN pg_catalog.array_agg(luamig_n) END FROM luamig_w",
                  count);
    return end(&sql);
}

const char *
write_again_sql(const struct target *target, enum walk_from from, const char *where,
                struct arena *arena)
{
    struct sql sql = begin(target, from, arena);

    add_read_list(&sql);
    strbuf_printf(&sql.text, ", luamig_s.luamig_n FROM %s, ", target->from);
    add_arrays(&sql, target->key_count, true);
    strbuf_puts(&sql.text, " WHERE ");
    add_same_key(&sql);
    add_where(&sql, where);
    strbuf_printf(&sql.text, " FOR NO KEY UPDATE OF %s", target->alias);
    return end(&sql);
}

const char *
write_key_text(const struct target *target, const struct rows *rows, size_t row,
               struct arena *arena)
{
    struct strbuf text = { 0 };
    const char *result;

    for (size_t i = 0; i < target->key_count; i++)
        strbuf_printf(&text, "%s%s = %s", i > 0 ? ", " : "", target->keys[i].name,
                      rows_value(rows, row, i, NULL));
    result = arena_strdup(arena, text.text);
    strbuf_release(&text);
    return result;
}
