/*
 * steps.h - the statements of a migration that is partly applied
 *
 * A row per statement (or db:step) of a statements-mode migration; gone when the migration
 * is recorded.
 */
#ifndef LUAMIG_PG_STEPS_H
#define LUAMIG_PG_STEPS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/digest.h"
#include "pg/exec.h"

struct step {
    size_t n;         /* the first statement's number, 1-based */
    bool done;        /* else started: it may have happened */
    const char *hash; /* SHA-256 of its text */
    const char *name; /* the migration's; of a db:step its own */
    const char *run;
    const char *worker;  /* "pid 4711": the backend that started it, if it still runs */
    const char *written; /* the transaction that wrote the row */
};

/* Creates the table if it is not there. */
bool steps_create(struct session *session, const char *ident, struct error *err);

/* The rows of a version and direction ("up", "down"), by n. */
bool steps_read(struct session *session, const char *ident, int64_t version,
                const char *direction, struct arena *arena, struct step **list,
                size_t *count, struct error *err);

/* SELECT of the versions that have rows for up. */
const char *steps_partial_sql(const char *ident, struct arena *arena);

/* A row to be written: the values of one INSERT. */
struct step_key {
    int64_t version;
    const char *direction;
    size_t n;
    const char *hash, *name, *run;
    bool pooled; /* what runs it may be another backend: it is known by the run's name */
};

/* INSERT of a row with state done or started; in the arena. */
const char *steps_insert(const struct step_key *key, bool done, const char *ident,
                         struct arena *arena, struct pg_params *params);

/* UPDATE of a started row to done. */
const char *steps_finish_sql(const struct step_key *key, const char *ident,
                             struct arena *arena);

/* DELETE of a started row: it failed, and has done nothing. */
const char *steps_unmark_sql(const struct step_key *key, const char *ident,
                             struct arena *arena);

/* DELETE of a version's rows. */
const char *steps_delete_sql(int64_t version, const char *ident, struct arena *arena);

#endif
