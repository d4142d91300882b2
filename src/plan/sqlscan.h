/*
 * sqlscan.h - SQL text to statements
 *
 * Ends a statement where psql would: at a `;` outside quotes, comments, parentheses and
 * BEGIN ATOMIC bodies. Takes in the data of COPY ... FROM STDIN, drops pg_dump's
 * \restrict and \unrestrict; other psql meta commands are an error.
 */
#ifndef LUAMIG_PLAN_SQLSCAN_H
#define LUAMIG_PLAN_SQLSCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"

struct sql_statement {
    size_t offset, length; /* first to last token; leading comments and `;` are dropped */
    size_t line;           /* of offset, 1-based */
    const char *copy_data; /* lines up to `\.`, which is left out; NULL: none */
    size_t copy_length;
};

struct sql_statements {
    struct sql_statement *list; /* in the arena */
    size_t count;
};

/* ERROR_PLAN with err->place.line (and column) where what is not ended began. */
bool sqlscan_split(const char *text, size_t size, struct arena *arena,
                   struct sql_statements *out, struct error *err);

/* Line and column (characters of UTF-8), both 1-based, of a byte. */
void sqlscan_line(const char *text, size_t size, size_t offset, size_t *line,
                  size_t *column);

/*
 * Copies the line that holds the byte, without its end. Of a line that does not fit, what
 * stands round the byte; returns how many characters before it were left out.
 */
size_t sqlscan_line_text(const char *text, size_t size, size_t offset, char *dst,
                         size_t dst_size);

#endif
