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
    { "background", NULL, "apply those that say `background`, beside deploys" },
    { "rollback", NULL,
      "on a failure undo what this run applied (--on-failure rollback)" },
    { "atomic", NULL, "all pending in one transaction (--on-failure atomic)" },
    { "accept-change", NULL, "go on with a backfill whose script has changed" },
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

static bool
read_failure(const struct invocation *inv, struct settings *settings, struct error *err)
{
    bool rollback = invocation_has(inv, "rollback"),
         atomic = invocation_has(inv, "atomic");

    if (rollback && atomic)
        return error_set(err, ERROR_USAGE, "--rollback does not go with --atomic");
    if ((rollback || atomic) && invocation_has(inv, "background"))
        return error_set(err, ERROR_USAGE, "--%s does not go with --background",
                         rollback ? "rollback" : "atomic");
    if (invocation_has(inv, "background"))
        settings->on_failure = FAILURE_STOP;
    if (rollback || atomic)
        settings->on_failure = rollback ? FAILURE_ROLLBACK : FAILURE_ATOMIC;
    return true;
}

static int
exec(struct invocation *inv)
{
    struct settings *settings = arena_alloc(inv->arena, sizeof(*settings));
    struct plan_request request;
    struct error err = { 0 };

    *settings = *inv->settings;
    settings->accept_change = invocation_has(inv, "accept-change");
    inv->settings = settings;
    if (!read_failure(inv, settings, &err) || !request_read(inv, &request, &err) ||
        !settings_need_database(inv->settings, &err))
        return invocation_fail(inv, &err);
    if (invocation_has(inv, "plan"))
        return show_plan(inv, &request);
    return run(inv, &request);
}

const struct command cmd_up = {
    .name = "up",
    .args = "[--to V] [--count N] [--only V]... [--background] [--rollback|--atomic]\n"
            "         [--plan]",
    .summary = "apply pending migrations",
    .help =
        "Applies every version that is on disk and not applied, in ascending order,\n"
        "late ones included. Any number of runs at once apply each exactly once.\n"
        "Those that say `-- luamig: background` are left to `up --background`, which\n"
        "applies nothing else and holds up no deploy; --only runs one in the foreground.",
    .options = options,
    .has_json = true,
    .exec = exec,
};
