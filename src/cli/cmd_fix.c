#include <inttypes.h>
#include <stdlib.h>

#include "base/strbuf.h"
#include "cli/commands.h"
#include "cli/exit.h"
#include "cli/settings.h"
#include "cli/show.h"
#include "plan/renumber.h"

static const struct option_spec options[] = {
    { "plan", NULL, "print what would be renamed and touch nothing" },
    { NULL, NULL, NULL },
};

/* All layers: numbers are unique in the whole folder. */
static bool
read_folder(struct invocation *inv, struct layers *out, struct error *err)
{
    struct settings all = *inv->settings;
    struct problems problems = { 0 };
    struct fs_names names;

    if (layers_are_there(&all, inv->arena)) {
        if (!layers_environments(&all, inv->arena, &names, err))
            return false;
        all.environments = names.list;
        all.environment_count = names.count;
    }
    return layers_open(&all, inv->arena, out, &problems, err);
}

static bool
is_configured(const struct settings *settings)
{
    const char *service = getenv("PGSERVICE"), *database = getenv("PGDATABASE");

    return settings->database != NULL || (service != NULL && service[0] != '\0') ||
           (database != NULL && database[0] != '\0');
}

/* What is applied under its old version would become an orphan, and be applied again. */
static bool
check_applied(struct invocation *inv, const struct renamings *renamings,
              struct error *err)
{
    struct look_request request = { .command = "fix" };
    struct strbuf list = { 0 };
    struct look look;

    if (!is_configured(inv->settings) || renamings->count == 0)
        return true;
    if (!settings_need_database(inv->settings, err) ||
        !show_take(inv, &request, &look, err))
        return false;
    for (size_t i = 0; i < renamings->count; i++) {
        int64_t version = renamings->list[i].version;

        if (applied_set_find(&look.set, version) != NULL &&
            (i == 0 || version != renamings->list[i - 1].version))
            strbuf_printf(&list, "%s%" PRId64, list.len > 0 ? ", " : "", version);
    }
    if (list.len == 0)
        return true;
    error_set(err, ERROR_PLAN, "applied already on %s: %s", look.database, list.text);
    strbuf_release(&list);
    return error_hint(err, "Nothing was renamed: what is applied keeps its version.");
}

/* All, or none: what was renamed before a failure gets its name back. */
static bool
rename_all(const struct renamings *renamings, struct error *err)
{
    struct error ignored = { 0 };

    for (size_t i = 0; i < renamings->count; i++) {
        if (fs_rename(renamings->list[i].from, renamings->list[i].to, err))
            continue;
        while (i-- > 0)
            fs_rename(renamings->list[i].to, renamings->list[i].from, &ignored);
        return false;
    }
    return true;
}

static void
print(const struct renamings *renamings)
{
    for (size_t i = 0; i < renamings->count; i++)
        printf("%s -> %s\n", renamings->list[i].from, renamings->list[i].to);
    if (renamings->count == 0)
        puts("no timestamps to fix");
}

static int
exec(struct invocation *inv)
{
    struct layers layers;
    struct renamings renamings;
    struct error err = { 0 };

    if (!read_folder(inv, &layers, &err))
        return invocation_fail(inv, &err);
    renumber_plan(&layers, inv->arena, &renamings);
    if (!check_applied(inv, &renamings, &err) ||
        (!invocation_has(inv, "plan") && !rename_all(&renamings, &err)))
        return invocation_fail(inv, &err);
    print(&renamings);
    return invocation_end(inv, EXIT_DONE);
}

const struct command cmd_fix = {
    .name = "fix",
    .args = "[--plan]",
    .summary = "rename timestamps to the next numbers of the sequence",
    .help =
        "In order, ups, downs and goose's files together, over all layers. It needs no\n"
        "database; where one is set, versions that are applied there refuse it.",
    .options = options,
    .exec = exec,
};
