/*
 * backfill.h - a table is walked in batches, each a transaction that also says how far it
 * came (DESIGN 9.1)
 *
 * The layer knows SQL, ranges and what a batch is; the script's functions and the engine's
 * record are lent to it.
 */
#ifndef LUAMIG_BACKFILL_BACKFILL_H
#define LUAMIG_BACKFILL_BACKFILL_H

#include <stdbool.h>
#include <stdint.h>

#include "backfill/checkpoint.h"
#include "backfill/rows.h"
#include "backfill/target.h"
#include "backfill/write.h"
#include "base/error.h"
#include "pg/applied.h"
#include "pg/session.h"

/* How far it is, for those who watch. */
struct backfill_progress {
    const char *name, *table;
    int64_t rows, total; /* keys passed, and of the table as far as it is known */
    double percent;
    double rate;     /* keys a second; 0: not known yet */
    int64_t eta;     /* s; -1: not known */
    int64_t batch;   /* keys of the last batch */
    int64_t elapsed; /* ms of the last batch */
    double lag;      /* s that a standby is behind; negative: not known */
    int64_t conflicts, suppressed, errors;
};

/* What the engine lends. */
struct backfill_env {
    void *ctx;
    struct session *work;
    const struct table_name *table; /* luamig's main table */
    struct applied_table *state;
    int64_t version;
    const char *direction, *checksum, *run;
    int64_t lock_retry;   /* ms: without a batch for so long, the clocks run on */
    int64_t lock_timeout; /* ms that the file sets; -1: what a batch takes */
    bool timed;           /* the file has a time limit of its own */
    bool taken_over;      /* out: another run has it now */
    bool paused;          /* out: a person said so */

    /* A batch was committed; done: the last one. */
    void (*progress)(void *ctx, const struct backfill_progress *progress, bool done);
    void (*warn)(void *ctx, const char *text);

    /*
     * The next batch waits, told each second with the reason. whom is what it waits for, in
     * words that stay the same; NULL: for a moment only.
     */
    void (*asleep)(void *ctx, const char *whom, const char *reason);

    /*
     * After a batch gave way to a lock and was rolled back: pauses and tells for whom.
     * false with *err: it stands, or the run was told to stop.
     */
    bool (*again)(void *ctx, struct error *err);
};

enum backfill_kind {
    BACKFILL_MAP, /* rows are read, mapped and written */
    BACKFILL_SQL, /* a statement of the script's for each range */
    BACKFILL_EACH /* a function of the script's for each batch, in its transaction */
};

/* What the script asks for. */
struct backfill_spec {
    const char *name;
    enum backfill_kind kind;
    struct target_request target;
    const char *where, *verify; /* conditions; NULL: none */
    const char *sql;            /* with {range} */
    int64_t size;               /* of the first batch */
    int64_t pace;               /* ms that a batch is to take; 0: the size is fixed */
    int64_t errors;             /* rows that may fail */
    int64_t replica_lag;        /* ms that a standby may lag; 0: none is looked at */
    bool again;                 /* what verify finds is walked again */
};

/* The script's functions; false with *err: it failed. None of them may longjmp. */
struct backfill_calls {
    void *ctx;

    /*
     * Maps the rows first to last - 1 into out; on failure *bad is the row, and those
     * before it are in out.
     */
    bool (*map)(void *ctx, const struct rows *rows, size_t first, size_t last,
                struct changes *out, size_t *bad, struct error *err);

    bool (*each)(void *ctx, const struct rows *rows, struct error *err);

    /* Told once what the table is, before any of the others. */
    bool (*found)(void *ctx, const struct target *target, struct error *err);
};

/*
 * Walks from where an earlier run ended. Done: true. ERROR_LOCK with env->taken_over where
 * another run has taken it over; env->paused where a person has paused it. The session is
 * then in no transaction, unless it is lost.
 */
bool backfill_run(struct backfill_env *env, const struct backfill_spec *spec,
                  const struct backfill_calls *calls, struct error *err);

#endif
