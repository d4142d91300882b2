/* options.h - the command line, by tables and getopt_long */
#ifndef LUAMIG_CLI_OPTIONS_H
#define LUAMIG_CLI_OPTIONS_H

#include "cli/command.h"

struct options {
    const struct command *command; /* NULL: none was named */
    bool help, version;
    struct option_value *values; /* all, global and the command's */
    size_t count;
    const char **arguments;
    size_t argument_count;
};

/* Takes argv apart: options anywhere, `--` ends them. ERROR_USAGE, with the nearest word. */
bool options_parse(int argc, char **argv, struct arena *arena, struct options *out,
                   struct error *err);

/* The last value of an option ("" for a flag), or NULL. */
const char *options_value(const struct options *options, const char *name);

/* All values of an option, commas between, or NULL. */
const char *options_list(const struct options *options, const char *name,
                         struct arena *arena);

/* `luamig help` and `luamig CMD --help`. */
void options_print_overview(FILE *out);
void options_print_help(FILE *out, const struct command *command);

#endif
