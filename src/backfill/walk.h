/*
 * walk.h - ranges of keys, and the SQL that finds them
 *
 * A cursor is a jsonb array that the server made of a key, so that no DateStyle or number
 * of digits can change it (as text, 03/04/2024 came back as 4 March: measured). Row
 * comparison finds it in the key's index, whatever else is asked for.
 */
#ifndef LUAMIG_BACKFILL_WALK_H
#define LUAMIG_BACKFILL_WALK_H

#include "backfill/target.h"
#include "base/arena.h"

enum walk_from {
    WALK_START,  /* from the first key on: lo is NULL */
    WALK_BEHIND, /* lo is done */
    WALK_AT      /* lo belongs to the range */
};

/* The keys between lo and hi, which belongs to the range. */
struct range {
    enum walk_from from;
    const char *lo, *hi; /* cursors */
    int64_t keys;
};

/*
 * The condition that a row is in the range: $1 is lo, $2 is hi. qualifier is what stands
 * before the columns ("u."), or "".
 */
const char *walk_condition(const struct target *target, enum walk_from from,
                           const char *qualifier, struct arena *arena);

/* `"users"."a", "users"."b"`; order: what follows each (" DESC", "", ", ", ...). */
const char *walk_keys(const struct target *target, const char *order,
                      struct arena *arena);

/* SELECT of the highest key, as a cursor. */
const char *walk_top_sql(const struct target *target, struct arena *arena);

/* SELECT of the key that is the $3rd one of the range, as a cursor; no row: there are less. */
const char *walk_end_sql(const struct target *target, enum walk_from from,
                         struct arena *arena);

/*
 * In a transaction, before and behind it: without statistics the planner sorts the whole
 * table for each range (0.2 s for 100,000 rows, measured).
 */
extern const char walk_end_before[];
extern const char walk_end_behind[];

/* SELECT of the number of keys in the range. */
const char *walk_count_sql(const struct target *target, enum walk_from from,
                           struct arena *arena);

/* SELECT of the cursor for a key given as texts, $1 to $n. */
const char *walk_cursor_sql(const struct target *target, struct arena *arena);

#endif
