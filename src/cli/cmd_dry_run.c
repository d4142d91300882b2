#include "cli/commands.h"
#include "cli/exit.h"
#include "cli/request.h"
#include "cli/runner.h"
#include "cli/settings.h"
#include "engine/run_try.h"

static const struct option_spec options[] = {
    { "to", "V", "try pending ones up to version V" },
    { "count", "N", "try the first N pending ones" },
    { "only", "V", "try this one; may be given several times" },
    { "each", NULL, "each in a transaction of its own, rolled back before the next" },
    { NULL, NULL, NULL },
};

static int
exec(struct invocation *inv)
{
    struct plan_request request;
    struct run_summary summary;
    struct runner runner;
    struct error err = { 0 };

    if (!request_read(inv, &request, &err) ||
        !settings_need_database(inv->settings, &err))
        return invocation_fail(inv, &err);
    runner_init(&runner, inv);
    run_try(inv->settings, &request, invocation_has(inv, "each"), runner.observer,
            inv->stop, inv->arena, &summary, &err);
    return invocation_end(inv, exit_status(summary.outcome, &err));
}

const struct command cmd_dry_run = {
    .name = "dry-run",
    .args = "[--each] [--to V] [--count N] [--only V]...",
    .summary = "execute pending migrations and roll back",
    .help =
        "All in one transaction, or each alone. Shows time, rows, locks per table with\n"
        "its size, and rewrites. It takes and holds the locks that `up` would take: for\n"
        "a copy of production. Sequence values, dead rows and server logs stay. What\n"
        "cannot run in a transaction is listed and not executed.",
    .options = options,
    .has_json = true,
    .exec = exec,
};
