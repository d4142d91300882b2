/*
 * command.h - what a command of the program is
 *
 * One command, one file, one const record; commands.c lists them. Options are tables that
 * also make the help.
 */
#ifndef LUAMIG_CLI_COMMAND_H
#define LUAMIG_CLI_COMMAND_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/stop.h"
#include "engine/event.h"
#include "plan/settings.h"

struct invocation;

/* An option of one command. */
struct option_spec {
    const char *name;  /* "to": --to */
    const char *value; /* "V": takes a value; NULL: a flag */
    const char *help;
};

struct command {
    const char *name;
    const char *args;                    /* for the usage line: "[--to V] [--count N]" */
    const char *summary;                 /* one line */
    const char *help;                    /* more, or NULL */
    const struct option_spec *options;   /* ended by a NULL name; or NULL */
    int arguments;                       /* how many it takes; -1: any number */
    bool has_json;                       /* --json: it has a document, or events */
    bool without_settings;               /* help: nothing is composed */
    int (*exec)(struct invocation *inv); /* returns the exit status */
};

/* A command line, taken apart, and the settings that it makes with everything else. */
struct invocation {
    const struct command *command;
    const struct settings *settings;
    struct arena *arena;
    struct stop *stop;
    const char **arguments;
    size_t argument_count;
    bool json, yes;
    int color; /* enum color_mode */
    bool quiet, verbose;
    const struct option_value *values; /* the command's own options, in order */
    size_t value_count;
};

struct option_value {
    const char *name;
    const char *text; /* NULL for a flag */
};

/* Ended by NULL. */
extern const struct command *const commands[];

/* Whether a flag was given; an option's last value, or NULL. */
bool invocation_has(const struct invocation *inv, const char *name);
const char *invocation_value(const struct invocation *inv, const char *name);

/* A version given as an option or argument: digits, up to 64 bits. ERROR_USAGE. */
bool invocation_version(const char *text, const char *what, int64_t *version,
                        struct error *err);

/*
 * Asks a yes-or-no question on stderr, unless --yes said it. ERROR_USAGE: not agreed, or
 * nobody can be asked, for stdin is no terminal; the hint then says how to agree.
 */
bool invocation_agree(const struct invocation *inv, const char *question,
                      const char *hint, struct error *err);

/* Prints the error on stderr, and, with --json, as a document on stdout; the exit status. */
int invocation_fail(const struct invocation *inv, const struct error *err);

/* Ends output on stdout: 1 instead of 0 if it could not be written. */
int invocation_end(const struct invocation *inv, int status);

#endif
