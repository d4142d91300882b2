#include "cli/versions.h"

#include <inttypes.h>

#include "cli/complaint.h"
#include "cli/exit.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/settings.h"

bool
versions_read(const struct invocation *inv, size_t first, struct record_request *request,
              struct error *err)
{
    int64_t *versions =
        arena_alloc(inv->arena, (inv->argument_count + 1) * sizeof(*versions));

    for (size_t i = first; i < inv->argument_count; i++) {
        if (!invocation_version(inv->arguments[i], inv->command->name,
                                &versions[request->count++], err))
            return false;
    }
    request->versions = versions;
    return true;
}

static void
print_change(const struct record_request *request, const struct record_change *change)
{
    const char *name = change->new_name != NULL ? change->new_name : change->old_name;
    bool pending = request->kind == RECORD_PENDING;

    fprintf(stderr, "%" PRId64 "%s", change->version, name != NULL ? " " : "");
    complaint_text(stderr, name != NULL ? name : "");
    if (!change->needed)
        fprintf(stderr, ": is %s\n", pending ? "not applied" : "applied already");
    else if (request->kind == RECORD_REPAIR)
        fputs(": is recorded as in its file\n", stderr);
    else
        fprintf(stderr, ": marked %s\n", pending ? "pending" : "applied");
}

int
versions_record(struct invocation *inv, const struct record_request *request)
{
    struct progress progress = { .out = stderr, .quiet = inv->quiet };
    struct observer observer = progress_observer(&progress);
    struct record_result result;
    struct error err = { 0 };

    if (!settings_need_database(inv->settings, &err) ||
        !record_change(inv->settings, request, &observer, inv->stop, inv->arena, &result,
                       &err))
        return invocation_fail(inv, &err);
    for (size_t i = 0; !inv->quiet && i < result.count; i++)
        print_change(request, &result.changes[i]);
    fprintf(stderr, "luamig: %s: %zu changed in the record\n", result.target,
            result.needed);
    return invocation_end(inv, EXIT_DONE);
}
