/*
 * settings.h - flag > environment (LUAMIG_*) > .env > luamig.lua > default
 */
#ifndef LUAMIG_CLI_SETTINGS_H
#define LUAMIG_CLI_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"
#include "plan/settings.h"

enum setting_kind {
    SETTING_TEXT,
    SETTING_PATH, /* in luamig.lua relative to it */
    SETTING_DURATION,
    SETTING_RAMP, /* a duration, or "ramp": -1 */
    SETTING_SIZE, /* bytes, "512MiB" */
    SETTING_CHOICE,
    SETTING_BOOL,
    SETTING_NAME,         /* of a folder in dir */
    SETTING_ENVIRONMENTS, /* several such names; the flag may be repeated */
    SETTING_EXCLUDE,      /* several versions or names; likewise */
    SETTING_TABLE         /* schema.name */
};

enum color_mode {
    COLOR_AUTO,
    COLOR_ALWAYS,
    COLOR_NEVER
};

/* One setting, wherever it is given. */
struct setting_spec {
    const char *name; /* in luamig.lua: "lock_wait" */
    const char *flag; /* "lock-wait" */
    enum setting_kind kind;
    const char *value;    /* "D": what the help calls its value; choices "a|b" */
    const char *standard; /* the default as text; NULL: none */
    size_t offset;        /* in struct composed */
    const char *help;
};

/* Ended by a NULL name. */
extern const struct setting_spec settings_specs[];

/* Settings and what only the command line's own code needs. */
struct composed {
    struct settings settings;
    int color;
    bool quiet, verbose;
    bool database_on_command_line;
};

struct options;
struct settings_file;

/*
 * Composes everything. ERROR_USAGE names the setting and where it stands. PG* variables of
 * .env go into the environment, where libpq finds them.
 */
bool settings_compose(const struct options *options, struct arena *arena,
                      struct composed *out, struct error *err);

/*
 * The defaults, and what one table says: neither environment nor .env. where names the
 * table in messages.
 */
bool settings_of_table(const struct settings_file *table, const char *where,
                       struct arena *arena, struct composed *out, struct error *err);

/*
 * Whether a database was chosen, and in a form that libpq reads; for commands that need
 * one. ERROR_USAGE says what to write and shows no secret.
 */
bool settings_need_database(const struct settings *settings, struct error *err);

/* "Schema"."name", folded as SQL folds; one name alone is in schema public. ERROR_USAGE. */
bool settings_parse_table(const char *text, struct arena *arena, struct table_name *out,
                          struct error *err);

#endif
