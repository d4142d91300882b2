#include "cli/commands.h"
#include "cli/exit.h"
#include "cli/json.h"
#include "cli/json_value.h"
#include "cli/output.h"
#include "cli/settings.h"
#include "cli/show.h"

static int
exec(struct invocation *inv)
{
    struct look_request request = { .depth = LOOK_CONTENTS,
                                    .verify = true,
                                    .command = "verify" };
    struct error err = { 0 };
    struct look look;
    size_t errors;

    if (!settings_need_database(inv->settings, &err) ||
        !show_take(inv, &request, &look, &err))
        return invocation_fail(inv, &err);
    errors = problems_count(&look.problems, PROBLEM_ERROR);
    if (inv->json) {
        json_print(stdout, json_verify(&look));
    } else {
        show_standby(&look);
        if (errors == 0)
            printf("%zu applied, all as in the files\n", look.set.count);
        else
            printf("%zu problem%s\n", errors, errors == 1 ? "" : "s");
        show_problems(inv, &look);
    }
    return invocation_end(inv, errors > 0 ? EXIT_REFUSED : EXIT_DONE);
}

const struct command cmd_verify = {
    .name = "verify",
    .args = "",
    .summary = "compare the database with the files; exit 4 if they differ",
    .help =
        "Problems: pending, orphan, renamed, drift, partial (half done), invalid_index\n"
        "(left by a CONCURRENTLY statement of a migration). Other invalid indexes are\n"
        "notes.",
    .has_json = true,
    .exec = exec,
};
