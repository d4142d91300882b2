#include <string.h>

#include "base/words.h"
#include "cli/commands.h"
#include "cli/options.h"

static int
exec(struct invocation *inv)
{
    struct error err = { 0 };

    if (inv->argument_count == 0) {
        options_print_overview(stdout);
        return invocation_end(inv, 0);
    }
    for (size_t i = 0; commands[i] != NULL; i++) {
        if (strcmp(commands[i]->name, inv->arguments[0]) == 0) {
            options_print_help(stdout, commands[i]);
            return invocation_end(inv, 0);
        }
    }
    error_set(&err, ERROR_USAGE, "unknown command '%s'", inv->arguments[0]);
    error_hint(&err, "`luamig help` lists all.");
    return invocation_fail(inv, &err);
}

const struct command cmd_help = {
    .name = "help",
    .args = "[COMMAND]",
    .summary = "this list, or a command's options",
    .arguments = 1,
    .without_settings = true,
    .exec = exec,
};
