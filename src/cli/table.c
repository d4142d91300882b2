#include "cli/table.h"

#include <string.h>

#include "cli/text.h"

#define GAP 2 /* blanks between columns */

struct table
table_new(struct arena *arena, size_t columns)
{
    return (struct table){ .arena = arena,
                           .columns = columns,
                           .widths = arena_alloc(arena, columns * sizeof(size_t)) };
}

static void
grow(struct table *table)
{
    size_t capacity = table->capacity > 0 ? table->capacity * 2 : 16;
    const char **cells =
        arena_alloc(table->arena, capacity * table->columns * sizeof(*cells));

    if (table->rows > 0)
        memcpy(cells, table->cells, table->rows * table->columns * sizeof(*cells));
    table->cells = cells;
    table->capacity = capacity;
}

void
table_add(struct table *table, const char *const *cells)
{
    const char **row;

    if (table->rows == table->capacity)
        grow(table);
    row = table->cells + table->rows++ * table->columns;
    for (size_t i = 0; i < table->columns; i++) {
        size_t columns;

        row[i] = cells[i] != NULL ? cells[i] : "";
        columns = text_columns(row[i]);
        table->widths[i] = columns > table->widths[i] ? columns : table->widths[i];
    }
}

static void
pad(FILE *out, size_t blanks)
{
    while (blanks-- > 0)
        fputc(' ', out);
}

/* A column that is empty everywhere takes no room; blanks wait for a text behind them. */
void
table_print_row(const struct table *table, size_t row, FILE *out)
{
    const char **cells = table->cells + row * table->columns;
    size_t owed = 0;

    for (size_t i = 0; i < table->columns; i++) {
        if (cells[i][0] != '\0') {
            pad(out, owed);
            owed = 0;
            text_put(out, cells[i], strlen(cells[i]));
        }
        if (table->widths[i] > 0)
            owed += table->widths[i] - text_columns(cells[i]) + GAP;
    }
    fputc('\n', out);
}

void
table_print(const struct table *table, FILE *out)
{
    for (size_t i = 0; i < table->rows; i++)
        table_print_row(table, i, out);
}
