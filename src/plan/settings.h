/*
 * settings.h - what a run was told to do
 *
 * cli/settings composes it of flags, environment, .env, luamig.lua and defaults; everybody
 * else reads it. Texts live as long as the run. Durations are milliseconds, 0 is none.
 */
#ifndef LUAMIG_PLAN_SETTINGS_H
#define LUAMIG_PLAN_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum lock_mode {
    LOCK_ADVISORY,
    LOCK_LEASE,
    LOCK_NONE
};

enum drift_rule {
    DRIFT_WARN,
    DRIFT_ERROR,
    DRIFT_OFF
};

struct table_name {
    const char *schema; /* as in the catalog: folded unless it was quoted */
    const char *name;
};

struct settings {
    const char *database; /* conninfo or URL; NULL: libpq's PGSERVICE, PGDATABASE... */
    const char *dir;
    struct table_name table;
    const char *legacy_table; /* as written; NULL: not set; "none" */
    enum lock_mode lock;
    int64_t lease;             /* how long it lasts without a heartbeat */
    int64_t timeout;           /* the run's work */
    int64_t lock_wait;         /* 0: as long as it takes */
    int64_t migration_timeout; /* one attempt */
    int64_t lock_timeout;      /* of table locks */
    int64_t connect_wait;      /* connect again until the server accepts */
    enum drift_rule drift;
    bool orphans_error;      /* else a warning */
    bool out_of_order_error; /* else late ones are applied */
    bool strict;             /* warnings are errors */
};

#endif
