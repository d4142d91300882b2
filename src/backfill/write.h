/*
 * write.h - the guarded, set-based write of a batch
 *
 * The new values go out as arrays, one for each column, with the xmin that each row had
 * when it was read: a row that somebody changed meanwhile is not written, and is told.
 */
#ifndef LUAMIG_BACKFILL_WRITE_H
#define LUAMIG_BACKFILL_WRITE_H

#include "backfill/packed.h"
#include "backfill/rows.h"
#include "backfill/target.h"
#include "backfill/walk.h"
#include "base/arena.h"
#include "pg/exec.h"

/*
 * Rows to be written: an array for each column of key, xmin and set. Where it is neither of
 * integers nor of xmin, its elements are texts, which the server casts: array columns are
 * so, too, as unnest() flattens arrays of arrays (measured).
 */
struct changes {
    struct packed *columns;
    size_t keys, width; /* columns */
    size_t count;
    size_t *rows; /* which one of struct rows each is */
    size_t capacity;
};

/* Makes it ready for the target, in the arena; released by changes_release(). */
void changes_init(struct changes *changes, const struct target *target,
                  struct arena *arena);
void changes_reset(struct changes *changes);
void changes_release(struct changes *changes);

/* How much they hold. */
size_t changes_bytes(const struct changes *changes);

/* Begins a row: key and xmin of rows' row. Then changes_value() for each set column. */
void changes_row(struct changes *changes, const struct rows *rows, size_t row);

/* The text for the nth set column of the row that was begun; NULL is NULL. */
void changes_value(struct changes *changes, size_t n, const char *text, size_t length);

/*
 * lo, hi and the first columns (all, or those of the key) as $1, $2, $3... Good until a
 * change.
 */
void changes_params(struct changes *changes, const struct range *range, size_t columns,
                    struct arena *arena, struct pg_params *params);

/*
 * Rows as they are read: the key's columns, xmin, read. where is the script's, or NULL;
 * locked: FOR NO KEY UPDATE.
 */
const char *write_read_sql(const struct target *target, enum walk_from from,
                           const char *where, bool locked, struct arena *arena);

/* The UPDATE; its tag says how many rows were written. */
const char *write_sql(const struct target *target, enum walk_from from,
                      struct arena *arena);

/*
 * The same, a tenth slower (measured), with one row: how many rows were written, and, if
 * that is less than count, the numbers (1-based) of those that were, as an array.
 */
const char *write_told_sql(const struct target *target, enum walk_from from, size_t count,
                           struct arena *arena);

/* What is left of rows that were not written, locked: as read, and the number behind. */
const char *write_again_sql(const struct target *target, enum walk_from from,
                            const char *where, struct arena *arena);

/* "id = 3, kind = 'x'": the row's key, for messages. */
const char *write_key_text(const struct target *target, const struct rows *rows,
                           size_t row, struct arena *arena);

#endif
