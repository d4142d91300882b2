#include "cli/commands.h"
#include "cli/exit.h"
#include "cli/runner.h"
#include "cli/settings.h"
#include "engine/run.h"
#include "engine/run_down.h"

static int
redo(struct invocation *inv, const struct down_request *request)
{
    struct settings all = *inv->settings;
    struct run_summary summary, applied;
    struct plan_request again = { .only = &summary.version,
                                  .only_count = 1,
                                  .redo = true };
    struct runner runner;
    struct error err = { 0 };

    runner_init(&runner, inv);
    if (!run_down(inv->settings, request, runner.observer, inv->stop, inv->arena,
                  &summary, &err) ||
        summary.undone == 0)
        return invocation_end(inv, exit_status(summary.outcome, &err));
    all.excluded_count = 0; /* what was applied is to be so again */
    runner_init(&runner, inv);
    run_up(&all, &again, runner.observer, inv->stop, inv->arena, &applied, &err);
    return invocation_end(inv, exit_status(applied.outcome, &err));
}

static int
exec(struct invocation *inv)
{
    struct down_request request = { .count = 1,
                                    .has_only = inv->argument_count > 0,
                                    .redo = true };
    struct error err = { 0 };

    if ((request.has_only &&
         !invocation_version(inv->arguments[0], "redo", &request.only, &err)) ||
        !settings_need_database(inv->settings, &err))
        return invocation_fail(inv, &err);
    return redo(inv, &request);
}

const struct command cmd_redo = {
    .name = "redo",
    .args = "[V]",
    .summary = "undo V (the last applied) and apply it again",
    .arguments = 1,
    .has_json = true,
    .exec = exec,
};
