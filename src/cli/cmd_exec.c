#include "cli/commands.h"
#include "cli/exit.h"
#include "cli/runner.h"
#include "cli/settings.h"
#include "engine/run_exec.h"

static const struct option_spec options[] = {
    { "down", NULL, "last file first; of a folder its downs, descending" },
    { NULL, NULL, NULL },
};

static int
exec(struct invocation *inv)
{
    struct exec_request request = { .paths = inv->arguments,
                                    .count = inv->argument_count,
                                    .down = invocation_has(inv, "down") };
    struct run_summary summary;
    struct runner runner;
    struct error err = { 0 };

    if (request.count == 0) {
        error_set(&err, ERROR_USAGE, "exec needs a file");
        return invocation_fail(inv, &err);
    }
    if (!settings_need_database(inv->settings, &err))
        return invocation_fail(inv, &err);
    runner_init(&runner, inv);
    run_exec(inv->settings, &request, runner.observer, inv->stop, inv->arena, &summary,
             &err);
    return invocation_end(inv, exit_status(summary.outcome, &err));
}

const struct command cmd_exec = {
    .name = "exec",
    .args = "FILE... [--down]",
    .summary = "run SQL and Lua files outside of the history: seeds, one-off fixes",
    .help =
        "Each runs as a migration would, in one transaction or as its directives say,\n"
        "under the run lock, but nothing is recorded: the next exec runs it again.\n"
        "A folder stands for its migrations' files, in order of their versions.",
    .options = options,
    .arguments = -1,
    .has_json = true,
    .exec = exec,
};
