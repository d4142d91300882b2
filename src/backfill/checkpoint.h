/*
 * checkpoint.h - how far each backfill is: the tables <table>_backfills and
 * <table>_backfill_errors
 *
 * A row per (version, direction, name), advanced in each batch's own transaction. The run
 * at work owns it by a random token: whoever claims it next takes it over, and the former
 * owner's next batch finds no row and stops. Others only write the status, which the owner
 * reads back with each batch: a paused or cancelled backfill stops there. The rows of a
 * version go with the transaction that records or undoes the version.
 */
#ifndef LUAMIG_BACKFILL_CHECKPOINT_H
#define LUAMIG_BACKFILL_CHECKPOINT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "pg/applied.h"
#include "pg/exec.h"
#include "pg/session.h"

enum checkpoint_status {
    CHECKPOINT_RUNNING,    /* at work, or was when its run ended */
    CHECKPOINT_PAUSED,     /* by a person: up stops there with exit 11 */
    CHECKPOINT_CANCELLED,  /* by a person: the same with exit 7 */
    CHECKPOINT_FAILED,     /* error says of what; up goes on from the cursor */
    CHECKPOINT_UNVERIFIED, /* walked, but rows match its verify condition */
    CHECKPOINT_DONE        /* walked; its migration is not recorded yet */
};

/* Which one. */
struct checkpoint_key {
    int64_t version;
    const char *direction; /* "up", "down" */
    const char *name;
};

/* A row; texts are NULL where nothing was recorded. */
struct checkpoint {
    struct checkpoint_key key;
    const char *table; /* that it writes, as it prints: "users", "app.users" */
    enum checkpoint_status status;
    const char *run, *owner;       /* that claimed it last */
    const char *worker;            /* "pid 4711": that run's backend, if it still lives */
    const char *checksum;          /* of the script that began it */
    const char *cursor;            /* jsonb array: the last key of the last batch */
    const char *bounds;            /* jsonb of backfill/walk */
    int64_t estimate;              /* of the table's rows when it began */
    int64_t rows;                  /* keys passed */
    int64_t written;               /* rows written */
    int64_t conflicts;             /* rows that the application changed meanwhile */
    int64_t suppressed;            /* writes that a trigger refused */
    int64_t errors;                /* rows in the errors table */
    int64_t retries;               /* of these, marked to be tried again */
    const char *error;             /* the last failure's message */
    const char *started, *updated; /* RFC 3339, UTC */
};

struct checkpoint_error {
    const char *key; /* jsonb array */
    const char *message;
    const char *sqlstate; /* NULL: the script's own error */
    const char *at;       /* RFC 3339, UTC */
    bool retry;           /* the next run tries it first */
};

/* "running", "paused", ... as in the table and in JSON. */
const char *checkpoint_word(enum checkpoint_status status);
enum checkpoint_status checkpoint_status(const char *word);

/* How much is done, 0 to 100; below 100 as long as it is walked. */
double checkpoint_percent(const struct checkpoint *checkpoint);

/* Creates both tables where they are missing; state->has_backfills tells afterwards. */
bool checkpoint_create(struct session *session, const struct table_name *table,
                       struct applied_table *state, struct arena *arena,
                       struct error *err);

/*
 * The rows, by version, direction and start. The tables must exist
 * (applied_table.has_backfills); table is luamig's main table.
 */
bool checkpoint_read(struct session *session, const struct table_name *table,
                     struct arena *arena, struct checkpoint **list, size_t *count,
                     struct error *err);

/*
 * Writes the status, which the run at work heeds with its next batch. *changed is false
 * where there is no such row, or it is done.
 */
bool checkpoint_set_status(struct session *session, const struct table_name *table,
                           const struct checkpoint_key *key,
                           enum checkpoint_status status, bool *changed,
                           struct error *err);

/*
 * Back to the start: cursor, totals and errors are gone, the status is running. A run at
 * work begins again with its next batch.
 */
bool checkpoint_restart(struct session *session, const struct table_name *table,
                        const struct checkpoint_key *key, bool *changed,
                        struct error *err);

/* Marks all rows in the errors table to be tried first by the next run. */
bool checkpoint_retry(struct session *session, const struct table_name *table,
                      const struct checkpoint_key *key, int64_t *marked,
                      struct error *err);

/* The rows in the errors table of one backfill, oldest first; limit 0: all. */
bool checkpoint_errors(struct session *session, const struct table_name *table,
                       const struct checkpoint_key *key, size_t limit,
                       struct arena *arena, struct checkpoint_error **list, size_t *count,
                       struct error *err);

#endif
