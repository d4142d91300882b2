#include "backfill/write.h"

#include <stdlib.h>
#include <string.h>

/* How column i of the arrays travels. */
static enum packed_kind
kind_of(const struct target *t, size_t i)
{
    if (i == t->key_count)
        return PACKED_XID;
    return i < t->key_count && t->keys[i].integer ? PACKED_INT8 : PACKED_TEXT;
}

void
changes_init(struct changes *changes, const struct target *target, struct arena *arena)
{
    *changes = (struct changes){ .keys = target->key_count,
                                 .width = target->key_count + 1 + target->set_count };
    changes->columns = arena_alloc(arena, changes->width * sizeof(*changes->columns));
    for (size_t i = 0; i < changes->width; i++)
        changes->columns[i].kind = kind_of(target, i);
}

void
changes_reset(struct changes *changes)
{
    for (size_t i = 0; i < changes->width; i++)
        packed_reset(&changes->columns[i]);
    changes->count = 0;
}

void
changes_release(struct changes *changes)
{
    for (size_t i = 0; i < changes->width; i++)
        packed_release(&changes->columns[i]);
    free(changes->rows);
    *changes = (struct changes){ 0 };
}

size_t
changes_bytes(const struct changes *changes)
{
    size_t bytes = 0;

    for (size_t i = 0; i < changes->width; i++)
        bytes += changes->columns[i].bytes.len;
    return bytes;
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

        packed_add(&changes->columns[i], text, length);
    }
}

void
changes_value(struct changes *changes, size_t n, const char *text, size_t length)
{
    packed_add(&changes->columns[changes->keys + 1 + n], text, length);
}

void
changes_params(struct changes *changes, const struct range *range, size_t columns,
               struct arena *arena, struct pg_params *params)
{
    size_t count = columns + 2;
    const char **values = arena_alloc(arena, count * sizeof(*values));
    int *lengths = arena_alloc(arena, count * sizeof(*lengths));
    int *formats = arena_alloc(arena, count * sizeof(*formats));

    values[0] = range->lo;
    values[1] = range->hi;
    for (size_t i = 0; i < columns; i++) {
        size_t length;

        values[i + 2] = packed_end(&changes->columns[i], &length);
        lengths[i + 2] = (int)length;
        formats[i + 2] = 1;
    }
    *params = (struct pg_params){
        .count = (int)count, .values = values, .lengths = lengths, .formats = formats
    };
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
                      i > 0 ? ", " : "", i + 3, packed_type(kind_of(sql->target, i)),
                      i + 1);
    if (numbered)
        strbuf_printf(&sql->text,
                      ", pg_catalog.generate_subscripts($3::%s[], 1) AS luamig_n",
                      packed_type(kind_of(sql->target, 0)));
    strbuf_puts(&sql->text, ") luamig_s");
}

/* Column i of the arrays, as the type of the table's column. */
static void
add_value(struct sql *sql, size_t i, const struct target_column *column)
{
    strbuf_printf(&sql->text, "luamig_s.luamig_%zu", i + 1);
    if (kind_of(sql->target, i) == PACKED_TEXT)
        strbuf_printf(&sql->text, "::%s", column->type);
}

static void
add_same_key(struct sql *sql)
{
    const struct target *t = sql->target;

    for (size_t i = 0; i < t->key_count; i++) {
        strbuf_printf(&sql->text, "%s%s.%s = ", i > 0 ? " AND " : "", t->alias,
                      t->keys[i].ident);
        add_value(sql, i, &t->keys[i]);
    }
    strbuf_printf(&sql->text, " AND %s", sql->condition);
}

static void
add_update(struct sql *sql, bool numbered)
{
    const struct target *t = sql->target;

    strbuf_printf(&sql->text, "UPDATE %s SET ", t->from);
    for (size_t i = 0; i < t->set_count; i++) {
        strbuf_printf(&sql->text, "%s%s = ", i > 0 ? ", " : "", t->sets[i].ident);
        add_value(sql, t->key_count + 1 + i, &t->sets[i]);
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
