#include "cli/commands.h"
#include "cli/exit.h"
#include "cli/request.h"
#include "cli/runner.h"
#include "cli/settings.h"
#include "cli/show_plan.h"
#include "engine/run.h"

static const struct option_spec options[] = {
    { "to", "V", "apply pending ones up to version V" },
    { "count", "N", "apply the first N pending ones" },
    { "only", "V", "apply this one; may be given several times" },
    { "plan", NULL, "print what would be done and touch nothing" },
    { NULL, NULL, NULL },
};

static int
run(struct invocation *inv, const struct plan_request *request)
{
    struct run_summary summary;
    struct runner runner;
    struct error err = { 0 };

    runner_init(&runner, inv);
    run_up(inv->settings, request, runner.observer, inv->stop, inv->arena, &summary,
           &err);
    return invocation_end(inv, exit_status(summary.outcome, &err));
}

static int
exec(struct invocation *inv)
{
    struct plan_request request;
    struct error err = { 0 };

    if (!request_read(inv, &request, &err) ||
        !settings_need_database(inv->settings, &err))
        return invocation_fail(inv, &err);
    if (invocation_has(inv, "plan"))
        return show_plan(inv, &request);
    return run(inv, &request);
}

const struct command cmd_up = {
    .name = "up",
    .args = "[--to V] [--count N] [--only V]... [--plan]",
    .summary = "apply pending migrations",
    .help = "Applies every version that is on disk and not applied, in ascending order,\n"
            "late ones included. Any number of runs at once apply each exactly once.",
    .options = options,
    .exec = exec,
};
