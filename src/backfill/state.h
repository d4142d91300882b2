/* state.h - what the parts of a backfill at work share */
#ifndef LUAMIG_BACKFILL_STATE_H
#define LUAMIG_BACKFILL_STATE_H

#include "backfill/backfill.h"
#include "backfill/claim.h"
#include "backfill/pace.h"
#include "backfill/talk.h"
#include "backfill/throttle.h"
#include "backfill/walk.h"

/* A row that may fail, for the errors table. */
struct failed_row {
    size_t row; /* of the batch's rows */
    const char *message;
    char sqlstate[6];
    struct failed_row *next;
};

#define BACKFILL_BEGIN "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
#define BACKFILL_BYTES ((size_t)PACE_BYTES) /* that a batch may hold, read or mapped */

#define WHOLE_RANGE SIZE_MAX /* as a failed row: the range is one key */

/* A range of keys, its rows, and what they are mapped to. */
struct batch {
    struct arena arena; /* as long as the batch */
    struct range range;
    struct rows rows;
    struct changes changes;
    bool present;
    bool full;   /* too much was read or mapped: the range ends at row cut */
    bool failed; /* map failed at row cut, and no error is left: why says how */
    size_t cut;
    bool skip;     /* its one row fails: nothing is written */
    bool retry;    /* a failed key that is tried again: the cursor stays */
    size_t mapped; /* rows that were mapped */
    struct error why;
    struct failed_row *errors; /* newest first */
    int64_t error_count;
};

struct backfill {
    struct backfill_env *env;
    const struct backfill_spec *spec;
    const struct backfill_calls *calls;
    struct arena arena;
    struct target target;
    struct claim claim;
    struct checkpoint start; /* the row as it was found */
    struct claim_bounds bounds;
    struct pace pace;
    struct throttle throttle;
    struct arena rest; /* of what is said of a sleep */
    struct batch slots[2];
    struct batch *now, *next;   /* that is written, that is read meanwhile */
    char *cursor;               /* malloc'ed; NULL: the start */
    int careful;                /* batches that tell which rows they wrote */
    bool roles;                 /* the script has set a role */
    bool warned;                /* of suppressed writes */
    bool settled;               /* how it ended is written */
    int64_t total;              /* rows of the table, as far as it is known */
    int64_t rows, errors;       /* of all runs */
    struct claim_counts counts; /* of all runs */
    double rate;
};

/* The first look at the standbys; and, behind a batch that took so long, the sleep. */
bool backfill_begin_rests(struct backfill *b, struct error *err);
bool backfill_rest(struct backfill *b, int64_t us, struct error *err);

/* Forgets the batch's rows, keeps its range: it is to be read again. */
void batch_rewind(struct batch *batch);

/* Forgets what the batch holds; memory of rows is kept. */
void batch_clear(struct batch *batch);

/* Whether errors are still allowed, those of both batches counted. */
bool backfill_may_fail(const struct backfill *b);

/* Notes a row that failed: it goes to the errors table with the batch. */
void batch_note_error(struct batch *batch, size_t row, const struct error *why);

/* Whether it is the fault of one row: another range may go through (DESIGN 9.1). */
bool backfill_is_row_error(const struct error *err);

/* Maps the next few rows; what map says goes into the batch. */
void backfill_map(struct backfill *b, struct batch *batch);

/* The script's statement for the batch's range. */
const char *backfill_script_sql(const struct backfill *b, const struct batch *batch,
                                struct arena *arena);

/* How a turn ended. */
enum turn_end {
    TURN_DONE,
    TURN_CONFLICT, /* rolled back: not all was written, and it was not told what was */
    TURN_FAILED,   /* rolled back; *err says why */
    TURN_LOST      /* rolled back: the fence found no row */
};

/* What came of a turn. */
struct turn_result {
    const char *ahead;  /* where the range behind ends, in the arena of the last batch */
    int64_t ahead_keys; /* NULL: the pass has not so many more keys */
    struct claim_counts counts;
    enum checkpoint_status status;
    int64_t us; /* from BEGIN to COMMIT */
};

/*
 * One transaction: writes b->now if it is present, reads and maps b->next if it is, and
 * looks where the range behind the last of them ends.
 */
enum turn_end turn_run(struct backfill *b, struct turn_result *result, struct error *err);

/*
 * Rows of the batch that its write did not reach, by the numbers of those that it did (an
 * array's text): read again and written, in the open transaction.
 */
bool conflicts_settle(struct backfill *b, struct batch *batch, const char *written,
                      struct claim_counts *counts, struct error *err);

/*
 * The row is ours from here on; a former owner's last batch is waited for. Cursor, bounds
 * and totals are as it has them.
 */
bool backfill_claim(struct backfill *b, struct error *err);

/* The first value of a query about the table, under the settings of a batch; NULL: none. */
bool backfill_ask(struct backfill *b, const char *sql, const struct pg_params *params,
                  struct arena *arena, const char **text, struct error *err);

/* Forgets both batches: what follows begins at the cursor. */
void backfill_clear(struct backfill *b);

/* A range behind the cursor, in the slot where its kind begins; *end: all is walked. */
bool backfill_begin_range(struct backfill *b, bool *end, struct error *err);

/* Tells how far it is, after a batch of so many keys; or that it is done. */
void backfill_tell(struct backfill *b, int64_t keys, int64_t us, bool done);

/* Walks to the end; or tries a failed key (a cursor) again. */
bool backfill_walk(struct backfill *b, struct error *err);
bool backfill_retry(struct backfill *b, const char *key, struct error *err);

/* The error of a backfill that a person has paused or cancelled. */
bool backfill_say_stopped(struct backfill *b, enum checkpoint_status status,
                          struct error *err);

/* The clocks of the run stand still for ms: there was progress. */
void backfill_hold_clocks(struct backfill *b, int64_t ms);

/* A list of pg/role, where the script has set a role. */
bool backfill_role(struct backfill *b, const char *const *list, struct error *err);

/* BEGIN, with luamig's own role and the settings of a batch; and COMMIT, as the script's. */
bool backfill_begin(struct backfill *b, bool own, struct error *err);
bool backfill_commit(struct backfill *b, bool own, struct error *err);

/* The settings that every batch runs under, as one SELECT. */
const char *backfill_settings(const struct backfill *b, struct arena *arena);

/* The cursor of the row of a batch. */
bool backfill_cursor(struct backfill *b, const struct rows *rows, size_t row,
                     struct arena *arena, const char **cursor, struct error *err);

#endif
