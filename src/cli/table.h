/*
 * table.h - text in columns that stand below each other
 *
 * Cells are printed as text_put() does; the last column is not padded, and no line ends in
 * blanks.
 */
#ifndef LUAMIG_CLI_TABLE_H
#define LUAMIG_CLI_TABLE_H

#include <stddef.h>
#include <stdio.h>

#include "base/arena.h"

struct table {
    struct arena *arena;
    size_t columns;
    const char **cells; /* row by row */
    size_t *widths;     /* of the columns, so far */
    size_t rows, capacity;
};

struct table table_new(struct arena *arena, size_t columns);

/* Adds a row of table->columns texts, which must live as long as the table; NULL is "". */
void table_add(struct table *table, const char *const *cells);

/* Prints one row, counted from 0; add all first, for the widths are those of all. */
void table_print_row(const struct table *table, size_t row, FILE *out);
void table_print(const struct table *table, FILE *out);

#endif
