#include "cli/commands.h"
#include "cli/versions.h"

static int
exec(struct invocation *inv)
{
    struct record_request request = { .kind = RECORD_BASELINE, .command = "baseline" };
    struct error err = { 0 };

    if (inv->argument_count != 1) {
        error_set(&err, ERROR_USAGE, "baseline needs a version");
        return invocation_fail(inv, &err);
    }
    if (!versions_read(inv, 0, &request, &err))
        return invocation_fail(inv, &err);
    return versions_record(inv, &request);
}

const struct command cmd_baseline = {
    .name = "baseline",
    .args = "V",
    .summary = "record every version up to V as applied, without running it",
    .help =
        "For a database that has the schema already. Changes the record, not the schema;\n"
        "one transaction. V must be on disk.",
    .arguments = 1,
    .exec = exec,
};
