#include <string.h>

#include "cli/commands.h"
#include "cli/versions.h"

static int
exec(struct invocation *inv)
{
    struct record_request request = { .command = "mark" };
    const char *what = inv->argument_count > 0 ? inv->arguments[0] : "";
    struct error err = { 0 };

    if (strcmp(what, "applied") == 0) {
        request.kind = RECORD_APPLIED;
    } else if (strcmp(what, "pending") == 0) {
        request.kind = RECORD_PENDING;
    } else {
        error_set(&err, ERROR_USAGE, "mark: say applied or pending");
        return invocation_fail(inv, &err);
    }
    if (inv->argument_count < 2) {
        error_set(&err, ERROR_USAGE, "mark %s needs a version", what);
        return invocation_fail(inv, &err);
    }
    if (!versions_read(inv, 1, &request, &err))
        return invocation_fail(inv, &err);
    return versions_record(inv, &request);
}

const struct command cmd_mark = {
    .name = "mark",
    .args = "applied|pending V...",
    .summary = "record versions as applied or as pending, without running them",
    .help =
        "Changes the record, not the schema; one transaction. A version that is marked\n"
        "applied needs its file; one that is marked pending does not.",
    .arguments = -1,
    .exec = exec,
};
