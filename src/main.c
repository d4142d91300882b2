/* main.c - descriptors, signals, dispatch, exit */
#include <stdio.h>

#include "base/fs.h"
#include "base/stop.h"
#include "cli/commands.h"
#include "cli/complaint.h"
#include "cli/exit.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/settings.h"
#include "pg/conninfo.h"

static int
run(const struct options *options, struct arena *arena, struct error *err)
{
    struct stop stop = { .signals = true };
    struct composed composed = { 0 };
    struct invocation inv = { .command = options->command,
                              .arena = arena,
                              .stop = &stop,
                              .arguments = options->arguments,
                              .argument_count = options->argument_count,
                              .json = options_value(options, "json") != NULL,
                              .yes = options_value(options, "yes") != NULL,
                              .values = options->values,
                              .value_count = options->count };

    if (!options->command->without_settings &&
        !settings_compose(options, arena, &composed, err))
        return invocation_fail(&inv, err);
    inv.settings = &composed.settings;
    inv.color = composed.color;
    inv.quiet = composed.quiet;
    inv.verbose = composed.verbose;
    if (composed.database_on_command_line &&
        conninfo_has_password(composed.settings.database))
        fputs("warning: a password on the command line is seen by everybody on this "
              "machine; use DATABASE_URL\n",
              stderr);
    return options->command->exec(&inv);
}

static int
dispatch(int argc, char **argv, struct arena *arena)
{
    struct error err = { 0 };
    struct options options;

    if (!options_parse(argc, argv, arena, &options, &err)) {
        complaint_error(stderr, &err, output_colour(COLOR_AUTO, stderr));
        return EXIT_USAGE;
    }
    if (options.version) {
        puts("luamig " LUAMIG_VERSION);
        return output_flush() ? EXIT_DONE : EXIT_INTERNAL;
    }
    if (options.command == NULL) {
        options_print_overview(options.help ? stdout : stderr);
        return options.help && output_flush() ? EXIT_DONE : EXIT_USAGE;
    }
    if (options.help) {
        options_print_help(stdout, options.command);
        return output_flush() ? EXIT_DONE : EXIT_INTERNAL;
    }
    return run(&options, arena, &err);
}

int
main(int argc, char **argv)
{
    struct arena arena = { 0 };
    int status;

    fs_open_standard();
    output_begin();
    stop_signals_init();
    status = dispatch(argc, argv, &arena);
    arena_release(&arena);
    fflush(NULL);
    if (status > EXIT_SIGNALLED && stop_signal() != 0)
        stop_signals_raise();
    return status;
}
