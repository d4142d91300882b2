#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/fs.h"
#include "cli/commands.h"
#include "plan/source.h"

static const struct option_spec options[] = {
    { "lua", NULL, "Lua files instead of SQL" },
    { "seq", NULL, "number in sequence: 0001, 0002" },
    { "timestamp", NULL, "number by the time, UTC: 20260520103800" },
    { NULL, NULL, NULL },
};

struct numbering {
    const struct source *source;
    bool seq, timestamp;
};

#define TIME_DIGITS 14

static int64_t
time_now(void)
{
    char text[32];
    time_t now = time(NULL);
    struct tm tm;

    gmtime_r(&now, &tm);
    strftime(text, sizeof(text), "%Y%m%d%H%M%S", &tm);
    return strtoll(text, NULL, 10);
}

static const struct migration *
last_of(const struct source *source)
{
    return source->count > 0 ? &source->migrations[source->count - 1] : NULL;
}

static bool
by_time(const struct numbering *n, const struct migration *last)
{
    if (n->seq || n->timestamp)
        return n->timestamp;
    return last == NULL || strlen(last->version_text) == TIME_DIGITS;
}

/* Continues the folder's numbering; never a version that is not the highest. */
static bool
next_version(const struct numbering *n, struct arena *arena, const char **version,
             struct error *err)
{
    const struct migration *last = last_of(n->source);
    int64_t now = time_now();
    size_t width = 4;

    if (last != NULL && last->version == INT64_MAX)
        return error_set(err, ERROR_USAGE, "no version is above %" PRId64, last->version);
    if (by_time(n, last)) {
        if (last != NULL && last->version >= now)
            now = last->version + 1;
        *version = arena_printf(arena, "%" PRId64, now);
        return true;
    }
    if (last != NULL)
        width = strlen(last->version_text);
    *version = arena_printf(arena, "%0*" PRId64, (int)width,
                            last != NULL ? last->version + 1 : 1);
    return true;
}

/* Blanks become underscores; what would leave the folder or hide the file is refused. */
static bool
clean_name(const char *name, struct arena *arena, const char **out, struct error *err)
{
    char *clean = arena_strdup(arena, name);

    for (char *p = clean; *p != '\0'; p++) {
        if (*p == ' ')
            *p = '_';
        if (*p == '/' || (unsigned char)*p < 0x20)
            return error_set(err, ERROR_USAGE, "'%s' cannot be a file's name", name);
    }
    *out = clean;
    return clean[0] != '\0' || error_set(err, ERROR_USAGE, "a migration needs a name");
}

static bool
make(struct invocation *inv, const char *stem, bool down, struct error *err)
{
    bool lua = invocation_has(inv, "lua");
    const char *path = arena_printf(inv->arena, "%s.%s.%s", stem, down ? "down" : "up",
                                    lua ? "lua" : "sql");
    const char *text = down ? "-- Undo what the up file does.\n" : "";

    if (!fs_create(path, text, err))
        return false;
    printf("%s\n", path);
    return true;
}

/* The layer that the files go into: base, or what --env names; settings select others. */
static bool
choose_layer(struct invocation *inv, const char **folder, struct error *err)
{
    const struct settings *s = inv->settings;
    bool named = invocation_has(inv, "env");

    if (named && s->environment_count > 1)
        return error_set(err, ERROR_USAGE, "create takes one --env");
    *folder = fs_join(inv->arena, s->dir, named ? s->environments[0] : s->base);
    if (fs_is_folder(*folder))
        return true;
    error_set(err, ERROR_USAGE, "no folder '%s'", *folder);
    return error_hint(err, "To begin a new environment: mkdir %s", *folder);
}

/* Numbers are unique in the whole folder, so all its layers are read. */
static bool
read_folder(struct invocation *inv, struct source *out, const char **folder,
            struct error *err)
{
    struct settings all = *inv->settings;
    struct problems problems = { 0 };
    struct fs_names names;

    *folder = all.dir;
    if (layers_are_there(&all, inv->arena)) {
        if (!choose_layer(inv, folder, err) ||
            !layers_environments(&all, inv->arena, &names, err))
            return false;
        all.environments = names.list;
        all.environment_count = names.count;
    }
    return source_open(&all, inv->arena, out, &problems, err);
}

static bool
create(struct invocation *inv, struct error *err)
{
    struct numbering n = { .seq = invocation_has(inv, "seq"),
                           .timestamp = invocation_has(inv, "timestamp") };
    const char *version = NULL, *name = NULL, *folder = NULL, *stem;
    struct source source;

    if (inv->argument_count != 1)
        return error_set(err, ERROR_USAGE, "create needs a name");
    if (n.seq && n.timestamp)
        return error_set(err, ERROR_USAGE, "--seq does not go with --timestamp");
    if (!clean_name(inv->arguments[0], inv->arena, &name, err) ||
        !read_folder(inv, &source, &folder, err))
        return false;
    n.source = &source;
    if (!next_version(&n, inv->arena, &version, err))
        return false;
    stem = fs_join(inv->arena, folder, arena_printf(inv->arena, "%s_%s", version, name));
    return make(inv, stem, false, err) && make(inv, stem, true, err);
}

static int
exec(struct invocation *inv)
{
    struct error err = { 0 };

    if (!create(inv, &err))
        return invocation_fail(inv, &err);
    return invocation_end(inv, 0);
}

const struct command cmd_create = {
    .name = "create",
    .args = "NAME [--lua] [--env E] [--seq|--timestamp]",
    .summary = "make an up and a down file",
    .help =
        "Continues the folder's numbering: the time where the highest version is one,\n"
        "else the highest plus one. Never overwrites a file. In a layered folder the files\n"
        "go into base, or with --env into that environment; numbers are unique in all.",
    .options = options,
    .arguments = 1,
    .exec = exec,
};
