#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/exit.h"
#include "cli/runner.h"
#include "cli/settings.h"
#include "cli/show.h"
#include "engine/run_down.h"

static const struct option_spec options[] = {
    { "count", "N", "undo the last N applied (1)" },
    { "to", "V", "undo all above version V" },
    { "all", NULL, "undo everything; asks for the database's name, or --yes" },
    { "plan", NULL, "print what would be undone and touch nothing" },
    { NULL, NULL, NULL },
};

static bool
read_request(const struct invocation *inv, struct down_request *out, struct error *err)
{
    const char *to = invocation_value(inv, "to");
    const char *count = invocation_value(inv, "count");

    *out = (struct down_request){ .has_to = to != NULL,
                                  .all = invocation_has(inv, "all"),
                                  .count = 1,
                                  .plan_only = invocation_has(inv, "plan") };
    if (out->has_to + out->all + (count != NULL) > 1)
        return error_set(err, ERROR_USAGE, "--to, --count and --all exclude each other");
    if (to != NULL)
        return invocation_version(to, "--to", &out->to, err);
    if (count == NULL)
        return true;
    if (count[0] == '\0' || strlen(count) > 9 ||
        strspn(count, "0123456789") != strlen(count))
        return error_set(err, ERROR_USAGE, "--count: '%s' is no number", count);
    out->count = strtoul(count, NULL, 10);
    return true;
}

/* All goes: the database's name must be typed, or --yes said. */
static bool
agree(struct invocation *inv, struct error *err)
{
    struct look_request request = { .command = "down" };
    char answer[256] = "";
    struct look look;

    if (inv->yes)
        return true;
    if (!isatty(STDIN_FILENO)) {
        error_set(err, ERROR_USAGE, "nobody can be asked here");
        return error_hint(err, "Say --yes if everything is to be undone.");
    }
    if (!show_take(inv, &request, &look, err))
        return false;
    fprintf(stderr,
            "Everything on %s will be undone. Type the database's name: ", look.database);
    if (fgets(answer, sizeof(answer), stdin) != NULL)
        answer[strcspn(answer, "\n")] = '\0';
    return strcmp(answer, look.database) == 0 ||
           error_set(err, ERROR_USAGE, "not agreed; nothing was changed");
}

static int
exec(struct invocation *inv)
{
    struct down_request request;
    struct run_summary summary;
    struct runner runner;
    struct error err = { 0 };

    if (!read_request(inv, &request, &err) ||
        !settings_need_database(inv->settings, &err) ||
        (request.all && !request.plan_only && !agree(inv, &err)))
        return invocation_fail(inv, &err);
    runner_init(&runner, inv);
    run_down(inv->settings, &request, runner.observer, inv->stop, inv->arena, &summary,
             &err);
    return invocation_end(inv, exit_status(summary.outcome, &err));
}

const struct command cmd_down = {
    .name = "down",
    .args = "[--count N | --to V | --all] [--plan]",
    .summary = "undo applied migrations, the last applied first",
    .help =
        "One without a down, or that says it is irreversible, refuses the run before\n"
        "anything is undone. Where the files are gone the history's text is taken.",
    .options = options,
    .has_json = true,
    .exec = exec,
};
