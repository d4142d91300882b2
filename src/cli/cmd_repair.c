#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/complaint.h"
#include "cli/exit.h"
#include "cli/progress.h"
#include "cli/settings.h"
#include "cli/versions.h"

static const struct option_spec options[] = {
    { "statement", "N", "of the one half-done version named" },
    { "done", NULL, "statement N has happened" },
    { "again", NULL, "statement N is to run again" },
    { NULL, NULL, NULL },
};

static void
print_pair(const char *what, const char *before, const char *after)
{
    if (before == NULL || after == NULL || strcmp(before, after) == 0)
        return;
    fprintf(stderr, "    %s: ", what);
    complaint_text(stderr, before);
    fputs(" -> ", stderr);
    complaint_text(stderr, after);
    fputc('\n', stderr);
}

static void
print_differences(const struct record_result *result)
{
    for (size_t i = 0; i < result->count; i++) {
        const struct record_change *change = &result->changes[i];

        fprintf(stderr, "  %" PRId64 "\n", change->version);
        print_pair("name", change->old_name, change->new_name);
        print_pair("checksum", change->old_checksum, change->new_checksum);
    }
}

static bool
agree(const struct invocation *inv, const char *target, struct error *err)
{
    return invocation_agree(
        inv,
        arena_printf(inv->arena, "Record them on %s as they are in the files?", target),
        arena_printf(inv->arena, "Say --yes if the record of %s is to be changed.",
                     target),
        err);
}

static int
repair_files(struct invocation *inv)
{
    struct record_request request = { .kind = RECORD_REPAIR,
                                      .command = "repair",
                                      .look_only = true };
    struct record_result found;
    struct error err = { 0 };

    if (!versions_read(inv, 0, &request, &err) ||
        !settings_need_database(inv->settings, &err) ||
        !record_change(inv->settings, &request, NULL, inv->stop, inv->arena, &found,
                       &err))
        return invocation_fail(inv, &err);
    if (found.count == 0) {
        fputs("nothing to repair: names and checksums are as in the files\n", stderr);
        return invocation_end(inv, EXIT_DONE);
    }
    print_differences(&found);
    if (!agree(inv, found.target, &err))
        return invocation_fail(inv, &err);
    request.look_only = false;
    return versions_record(inv, &request);
}

static bool
read_statement(const struct invocation *inv, struct record_statement *out,
               struct error *err)
{
    const char *text = invocation_value(inv, "statement");
    bool done = invocation_has(inv, "done"), again = invocation_has(inv, "again");

    if (inv->argument_count != 1)
        return error_set(err, ERROR_USAGE, "--statement needs one version");
    if (done == again)
        return error_set(err, ERROR_USAGE, "--statement needs --done or --again");
    if (text[0] == '\0' || strlen(text) > 9 || strspn(text, "0123456789") != strlen(text))
        return error_set(err, ERROR_USAGE, "--statement: '%s' is no number", text);
    out->n = strtoul(text, NULL, 10);
    out->done = done;
    return invocation_version(inv->arguments[0], "repair", &out->version, err);
}

static int
repair_statement(struct invocation *inv)
{
    struct progress progress = { .out = stderr, .quiet = inv->quiet };
    struct observer observer = progress_observer(&progress);
    struct record_statement statement;
    struct error err = { 0 };

    if (!read_statement(inv, &statement, &err) ||
        !settings_need_database(inv->settings, &err) ||
        !record_decide(inv->settings, &statement, &observer, inv->stop, inv->arena, &err))
        return invocation_fail(inv, &err);
    fprintf(stderr, "statement %zu of %" PRId64 " %s; run `luamig up`\n", statement.n,
            statement.version, statement.done ? "is done" : "will run again");
    return invocation_end(inv, EXIT_DONE);
}

static int
exec(struct invocation *inv)
{
    struct error err = { 0 };

    if (invocation_has(inv, "statement"))
        return repair_statement(inv);
    if (!invocation_has(inv, "done") && !invocation_has(inv, "again"))
        return repair_files(inv);
    error_set(&err, ERROR_USAGE, "--done and --again go with --statement");
    return invocation_fail(inv, &err);
}

const struct command cmd_repair = {
    .name = "repair",
    .args = "[V...] | V --statement N --done|--again",
    .summary = "record renamed and edited files as they are now; decide a statement",
    .help =
        "Lists what was renamed or edited after it was applied, with old and new, and asks\n"
        "(--yes answers). Changes the record, not the schema. --statement says what became\n"
        "of a statement that luamig could not tell.",
    .options = options,
    .arguments = -1,
    .exec = exec,
};
