#include "backfill/rows.h"

#include <stdlib.h>

#include "base/arena.h"

#define KEPT ((size_t)4 << 20) /* bytes of memory that a large batch may leave */

void
rows_reset(struct rows *rows)
{
    if (rows->bytes.size > KEPT)
        strbuf_release(&rows->bytes);
    strbuf_reset(&rows->bytes);
    rows->used = rows->count = 0;
}

void
rows_release(struct rows *rows)
{
    strbuf_release(&rows->bytes);
    free(rows->cells);
    free(rows->types);
    *rows = (struct rows){ 0 };
}

static void
set_columns(struct rows *rows, const PGresult *res)
{
    rows->width = (size_t)PQnfields(res);
    rows->types = xrealloc(rows->types, (rows->width + 1) * sizeof(*rows->types));
    for (size_t i = 0; i < rows->width; i++)
        rows->types[i] = PQftype(res, (int)i);
}

static void
add_value(struct rows *rows, const PGresult *res, int row, int column)
{
    struct rows_cell *cell;

    rows->cells = xgrow(rows->cells, rows->used, &rows->capacity, sizeof(*rows->cells));
    cell = &rows->cells[rows->used++];
    *cell = (struct rows_cell){ .offset = rows->bytes.len, .length = -1 };
    if (PQgetisnull(res, row, column))
        return;
    cell->length = PQgetlength(res, row, column);
    strbuf_add(&rows->bytes, PQgetvalue(res, row, column), (size_t)cell->length + 1);
}

void
rows_add(struct rows *rows, const PGresult *res)
{
    int count = PQntuples(res);

    if (rows->count == 0)
        set_columns(rows, res);
    for (int row = 0; row < count; row++) {
        for (int column = 0; column < (int)rows->width; column++)
            add_value(rows, res, row, column);
        rows->count++;
    }
}

const char *
rows_value(const struct rows *rows, size_t row, size_t column, size_t *length)
{
    const struct rows_cell *cell = &rows->cells[row * rows->width + column];

    if (length != NULL)
        *length = cell->length > 0 ? (size_t)cell->length : 0;
    return cell->length < 0 ? NULL : rows->bytes.text + cell->offset;
}
