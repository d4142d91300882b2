/*
 * rows.h - the rows of a batch as texts, in a few pieces of memory
 *
 * A PGresult for each row, as single-row mode makes them, would be 2 kB each.
 */
#ifndef LUAMIG_BACKFILL_ROWS_H
#define LUAMIG_BACKFILL_ROWS_H

#include <libpq-fe.h>
#include <stddef.h>
#include <stdint.h>

#include "base/strbuf.h"

struct rows_cell {
    size_t offset;
    int length; /* -1: NULL */
};

/* Valid when zeroed. */
struct rows {
    struct strbuf bytes;
    struct rows_cell *cells;
    size_t used, capacity; /* cells */
    size_t width;          /* columns */
    size_t count;
    Oid *types; /* of the columns */
};

/* Forgets the rows, keeps the memory. */
void rows_reset(struct rows *rows);
void rows_release(struct rows *rows);

/* Adds all of a result's; the first one says what columns there are. */
void rows_add(struct rows *rows, const PGresult *res);

/* The value's text, NUL-terminated; NULL for NULL. length may be NULL. */
const char *rows_value(const struct rows *rows, size_t row, size_t column,
                       size_t *length);

#endif
