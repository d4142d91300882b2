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

/* What becomes of a run that fails. */
enum failure_rule {
    FAILURE_STOP,     /* what was applied before stays */
    FAILURE_ROLLBACK, /* what this run applied is undone by its downs */
    FAILURE_ATOMIC    /* all of it is one transaction */
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

/* A variable of scripts: --set NAME=VALUE. */
struct var {
    const char *name, *value;
};

struct settings {
    const char *database; /* conninfo or URL; NULL: libpq's PGSERVICE, PGDATABASE... */
    const char *dir;
    const char *base;                /* the layer of dir that is always on */
    const char *const *environments; /* those to add; as given: not sorted, not unique */
    size_t environment_count;
    const char *const *excluded; /* versions, titles, names of files: not to be applied */
    size_t excluded_count;
    struct table_name table;
    const char *legacy_table; /* as written; NULL: not set; "none" */
    enum lock_mode lock;
    int64_t lease;             /* how long it lasts without a heartbeat */
    int64_t timeout;           /* the run's work */
    int64_t lock_wait;         /* 0: as long as it takes */
    int64_t migration_timeout; /* one attempt */
    int64_t lock_timeout;      /* of table locks; -1: it grows over the attempts */
    int64_t lock_retry;        /* all attempts at a migration's locks */
    int64_t connect_wait;      /* connect again until the server accepts */
    enum failure_rule on_failure;
    enum drift_rule drift;
    bool orphans_error;      /* else a warning */
    bool out_of_order_error; /* else late ones are applied */
    bool strict;             /* warnings are errors */
    bool accept_change;      /* a backfill goes on although its script has changed */
    int64_t memory;          /* bytes that a script's Lua may use; 0: no cap */
    const char *lib;         /* the folder of `require`; NULL: "lib" in dir */
    const char *hooks;       /* the project's hooks.lua; NULL: none */
    const struct var *vars;
    size_t var_count;
};

#endif
