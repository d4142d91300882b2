/*
 * claim.h - the statements by which a run owns a backfill's row
 *
 * A claim is a random token in the row. Each batch begins with the fence, which finds and
 * locks the row only as long as the token and the cursor are this run's, and ends with the
 * advance, which must change that one row: so no two runs write a batch twice, whoever
 * holds the run lock by now.
 */
#ifndef LUAMIG_BACKFILL_CLAIM_H
#define LUAMIG_BACKFILL_CLAIM_H

#include "backfill/checkpoint.h"
#include "base/arena.h"
#include "pg/exec.h"
#include "pg/session.h"

struct claim {
    struct session *session;
    const struct table_name *table;
    struct checkpoint_key key;
    const char *checksum, *run;
    char token[33];
    const char
        *values[4]; /* version, direction, name, token: $1 to $4 of every statement */
    const char *backfills, *errors; /* the tables, quoted */
};

/* Makes the token; texts are in the arena. */
void claim_init(struct claim *claim, struct arena *arena);

/*
 * Takes the row over, or makes it, in a transaction of the caller's; waits for the last
 * batch of a former owner. shown is the table that is walked.
 */
bool claim_take(const struct claim *claim, const char *shown, struct error *err);

/* The row as it stands. found: there is one. */
bool claim_read(const struct claim *claim, struct arena *arena, bool *found,
                struct checkpoint *out, struct error *err);

/*
 * SELECT ... FOR UPDATE that finds the row at the cursor $5; and the UPDATE from there to
 * $6 (rows $7 more, written $8 more) that answers the status.
 */
const char *claim_fence_sql(const struct claim *claim, struct arena *arena);
const char *claim_advance_sql(const struct claim *claim, struct arena *arena);

/*
 * UPDATE that adds what a batch found beside its rows, $5 written, $6 conflicts, $7
 * suppressed, and counts the errors table anew.
 */
const char *claim_count_sql(const struct claim *claim, struct arena *arena);

/* Parameters: the claim's and so many more. */
struct pg_params claim_params(const struct claim *claim, const char *const *more,
                              int count, struct arena *arena);

/* What a batch found beside its rows: differences, to be added. */
struct claim_counts {
    int64_t written, conflicts, suppressed;
};

/* Writes a row that failed; key is a cursor. */
bool claim_add_error(const struct claim *claim, const char *key, const char *message,
                     const char *sqlstate, struct error *err);
bool claim_drop_error(const struct claim *claim, const char *key, struct error *err);

/* The first key that is to be tried again; NULL: none. */
bool claim_next_retry(const struct claim *claim, struct arena *arena, const char **key,
                      struct error *err);

/* Bounds of the walk: where its pass ends, which pass it is, how many rows were before. */
struct claim_bounds {
    const char *upper; /* a cursor; NULL: not known yet */
    int pass;          /* 1, 2, ... */
    int64_t before;
};

bool claim_read_bounds(const struct claim *claim, struct arena *arena,
                       struct claim_bounds *out, struct error *err);
bool claim_write_bounds(const struct claim *claim, const struct claim_bounds *bounds,
                        int64_t estimate, struct error *err);

/* Writes how it ended, unless a person has paused or cancelled it; message may be NULL. */
bool claim_finish(const struct claim *claim, enum checkpoint_status status,
                  const char *message, struct error *err);

#endif
