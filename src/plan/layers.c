#include "plan/layers.h"

#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "plan/filename.h"

struct opening {
    const struct settings *settings;
    struct arena *arena;
    struct layers *out;
    struct problems *problems;
    struct error *err;
};

bool
layers_is_name(const char *name)
{
    if (name[0] == '\0' || name[0] == '.' || strcmp(name, "lib") == 0)
        return false;
    for (; *name != '\0'; name++) {
        if (*name == '/' || *name == ',' || (unsigned char)*name < 0x20)
            return false;
    }
    return true;
}

bool
layers_are_there(const struct settings *settings, struct arena *arena)
{
    return settings->base != NULL &&
           fs_is_folder(fs_join(arena, settings->dir, settings->base));
}

bool
layers_environments(const struct settings *settings, struct arena *arena,
                    struct fs_names *out, struct error *err)
{
    struct fs_names all;

    if (!fs_list(settings->dir, arena, &all, err))
        return false;
    *out = (struct fs_names){ .list = all.list };
    for (size_t i = 0; i < all.count; i++) {
        const char *name = all.list[i];

        if (layers_is_name(name) && strcmp(name, settings->base) != 0 &&
            fs_is_folder(fs_join(arena, settings->dir, name)))
            out->list[out->count++] = name;
    }
    return true;
}

static const char *
join_names(struct arena *arena, const struct fs_names *names, const char *between)
{
    struct strbuf text = { 0 };
    const char *joined;

    for (size_t i = 0; i < names->count; i++)
        strbuf_printf(&text, "%s%s", i > 0 ? between : "", names->list[i]);
    joined = arena_strdup(arena, strbuf_text(&text));
    strbuf_release(&text);
    return joined;
}

static bool
refuse_flat(struct opening *o)
{
    const struct settings *s = o->settings;

    error_set(o->err, ERROR_USAGE, "'%s' has no environments: it has no folder '%s'",
              s->dir, s->base != NULL ? s->base : "base");
    return error_hint(o->err,
                      "Leave out --env (LUAMIG_ENVIRONMENTS, environments), or move the "
                      "migrations into '%s'.",
                      fs_join(o->arena, s->dir, s->base != NULL ? s->base : "base"));
}

static bool
open_flat(struct opening *o)
{
    struct layer *layer = arena_alloc(o->arena, sizeof(*layer));

    if (o->settings->environment_count > 0)
        return refuse_flat(o);
    layer->folder = o->settings->dir;
    o->out->list = layer;
    o->out->count = 1;
    return fs_list(layer->folder, o->arena, &layer->names, o->err);
}

/* A migration there would be nobody's: neither base's nor an environment's. */
static void
check_beside(struct opening *o, const char *name)
{
    const char *path = fs_join(o->arena, o->settings->dir, name);
    struct filename parsed;

    filename_parse(name, o->arena, &parsed);
    if (parsed.class == FILENAME_IGNORED || fs_is_folder(path))
        return;
    problems_add(o->problems, o->arena,
                 &(struct problem){
                     .kind = PROBLEM_MISPLACED,
                     .level = parsed.class == FILENAME_SUSPICIOUS ||
                                      parsed.class == FILENAME_BARE
                                  ? PROBLEM_WARNING
                                  : PROBLEM_ERROR,
                     .file = path,
                     .message =
                         arena_printf(o->arena, "'%s' stands beside the layers", path),
                     .hint = arena_printf(o->arena,
                                          "Move it into '%s' or an environment's folder.",
                                          fs_join(o->arena, o->settings->dir,
                                                  o->settings->base)) });
}

static int
compare_names(const void *a, const void *b)
{
    const char *const *left = a, *const *right = b;

    return strcmp(*left, *right);
}

/* The settings' environments, sorted, each once, without base. */
static struct fs_names
selected(struct opening *o)
{
    const struct settings *s = o->settings;
    struct fs_names names = { .list = arena_alloc(o->arena, (s->environment_count + 1) *
                                                                sizeof(char *)) };
    size_t count = 0;

    for (size_t i = 0; i < s->environment_count; i++) {
        if (strcmp(s->environments[i], s->base) != 0)
            names.list[names.count++] = s->environments[i];
    }
    if (names.count > 1)
        qsort(names.list, names.count, sizeof(*names.list), compare_names);
    for (size_t i = 0; i < names.count; i++) {
        if (i == 0 || strcmp(names.list[i], names.list[i - 1]) != 0)
            names.list[count++] = names.list[i];
    }
    names.count = count;
    return names;
}

static void
warn_of_missing(struct opening *o, const char *name, const struct fs_names *there)
{
    const char *path = fs_join(o->arena, o->settings->dir, name);
    const char *list = join_names(o->arena, there, ", ");

    problems_add(o->problems, o->arena,
                 &(struct problem){
                     .kind = PROBLEM_ENVIRONMENT,
                     .level = PROBLEM_WARNING,
                     .file = path,
                     .message =
                         arena_printf(o->arena,
                                      "environment '%s' adds nothing: no folder '%s'",
                                      name, path),
                     .hint = list[0] != '\0'
                                 ? arena_printf(o->arena, "There are: %s.", list)
                                 : "There are no environments." });
}

static bool
add_layer(struct opening *o, const char *name)
{
    struct layer *layer = &o->out->list[o->out->count++];

    layer->environment = name;
    layer->folder = fs_join(o->arena, o->settings->dir, name);
    return fs_list(layer->folder, o->arena, &layer->names, o->err);
}

static bool
add_selected(struct opening *o)
{
    struct fs_names names = selected(o), there;

    o->out->selection = join_names(o->arena, &names, ",");
    o->out->list = arena_alloc(o->arena, (names.count + 1) * sizeof(*o->out->list));
    if (!layers_environments(o->settings, o->arena, &there, o->err) ||
        !add_layer(o, o->settings->base))
        return false;
    for (size_t i = 0; i < names.count; i++) {
        if (!fs_is_folder(fs_join(o->arena, o->settings->dir, names.list[i])))
            warn_of_missing(o, names.list[i], &there);
        else if (!add_layer(o, names.list[i]))
            return false;
    }
    return true;
}

static bool
open_layered(struct opening *o)
{
    struct fs_names beside;

    if (!fs_list(o->settings->dir, o->arena, &beside, o->err))
        return false;
    for (size_t i = 0; i < beside.count; i++)
        check_beside(o, beside.list[i]);
    return add_selected(o);
}

bool
layers_open(const struct settings *settings, struct arena *arena, struct layers *out,
            struct problems *problems, struct error *err)
{
    struct opening o = {
        .settings = settings, .arena = arena, .out = out, .problems = problems, .err = err
    };

    *out = (struct layers){ .dir = settings->dir };
    if (!fs_is_folder(settings->dir)) {
        error_set(err, ERROR_USAGE, "no folder '%s'", settings->dir);
        return error_hint(err, "Name it with --dir, or make one: luamig init.");
    }
    return layers_are_there(settings, arena) ? open_layered(&o) : open_flat(&o);
}
