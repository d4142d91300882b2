#include "plan/source.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "plan/filename.h"
#include "plan/goose.h"

/* A file that is a migration's; path is as messages show it. */
struct found {
    struct filename name;
    const char *path;
    const char *environment;
    bool goose;
};

struct building {
    const struct layers *layers;
    struct arena *arena;
    struct source *out;
    struct problems *problems;
    struct found *list;
    size_t count, capacity;
};

static void
add_problem(struct building *b, enum problem_kind kind, enum problem_level level,
            const char *file, const char *message)
{
    problems_add(b->problems, b->arena,
                 &(struct problem){
                     .kind = kind, .level = level, .file = file, .message = message });
}

static void
keep(struct building *b, struct found found)
{
    b->list = xgrow(b->list, b->count, &b->capacity, sizeof(*b->list));
    b->list[b->count++] = found;
}

static void
keep_repeatable(struct building *b, const struct found *found)
{
    struct migration *list = b->out->repeatables;
    size_t count = b->out->repeatable_count;

    if (count % 16 == 0) {
        list = arena_alloc(b->arena, (count + 16) * sizeof(*list));
        if (count > 0)
            memcpy(list, b->out->repeatables, count * sizeof(*list));
        b->out->repeatables = list;
    }
    list[b->out->repeatable_count++] = (struct migration){
        .version = INT64_MAX,
        .version_text = "",
        .name = found->name.name,
        .environment = found->environment,
        .up = { .kind = found->name.kind, .path = found->path },
        .repeatable = true,
    };
}

/* One file with two sections is an up, and a down if it has one. */
static bool
take_goose(struct building *b, const struct found *found)
{
    struct found down = *found;
    bool has_down = false;

    if (b->layers->is_goose == NULL || !b->layers->is_goose(found->path, &has_down))
        return false;
    keep(b, *found);
    down.name.down = true;
    if (has_down)
        keep(b, down);
    return true;
}

static void
take_name(struct building *b, const struct layer *layer, const char *name)
{
    struct found found = { .environment = layer->environment };
    enum filename_class class;

    filename_parse(name, b->arena, &found.name);
    class = found.name.class;
    if (class == FILENAME_IGNORED)
        return;
    found.path = fs_join(b->arena, layer->folder, name);
    found.goose = class == FILENAME_BARE;
    if (class == FILENAME_MIGRATION)
        keep(b, found);
    else if (class == FILENAME_REPEATABLE)
        keep_repeatable(b, &found);
    else if (class != FILENAME_BARE || !take_goose(b, &found))
        add_problem(b, PROBLEM_MISNAMED,
                    class == FILENAME_MISNAMED ? PROBLEM_ERROR : PROBLEM_WARNING,
                    found.path,
                    arena_printf(b->arena, "'%s' is no migration: %s", name,
                                 found.name.reason));
}

/* By version, ups before downs, then by path so that messages do not depend on order. */
static int
compare_found(const void *a, const void *b)
{
    const struct found *left = a, *right = b;

    if (left->name.version != right->name.version)
        return left->name.version < right->name.version ? -1 : 1;
    if (left->name.down != right->name.down)
        return left->name.down ? 1 : -1;
    return strcmp(left->path, right->path);
}

static void
report_double(struct building *b, const struct found *first, const struct found *second)
{
    add_problem(b, PROBLEM_DUPLICATE, PROBLEM_ERROR, second->path,
                arena_printf(b->arena,
                             "version %" PRId64 " has two %s files: '%s' and '%s'",
                             first->name.version, first->name.down ? "down" : "up",
                             first->path, second->path));
}

static void
add_up(struct building *b, const struct found *up)
{
    b->out->migrations[b->out->count++] = (struct migration){
        .version = up->name.version,
        .version_text = up->name.version_text,
        .name = up->name.name,
        .environment = up->environment,
        .up = { .kind = up->name.kind, .goose = up->goose, .path = up->path },
    };
}

static void
report_two_layers(struct building *b, const struct migration *up,
                  const struct found *down)
{
    add_problem(b, PROBLEM_DUPLICATE, PROBLEM_ERROR, down->path,
                arena_printf(b->arena,
                             "version %" PRId64 " is in two layers: '%s' and '%s'",
                             up->version, up->up.path, down->path));
}

static void
add_down(struct building *b, const struct found *down)
{
    struct migration *last =
        b->out->count > 0 ? &b->out->migrations[b->out->count - 1] : NULL;

    if (last == NULL || last->version != down->name.version) {
        add_problem(b, PROBLEM_DOWN_WITHOUT_UP, PROBLEM_WARNING, down->path,
                    arena_printf(b->arena, "'%s' undoes a version that has no up file",
                                 down->path));
        return;
    }
    if (last->environment != down->environment)
        report_two_layers(b, last, down);
    last->down = (struct migration_file){ .kind = down->name.kind,
                                          .goose = down->goose,
                                          .path = down->path };
}

static void
merge(struct building *b)
{
    if (b->count > 1)
        qsort(b->list, b->count, sizeof(*b->list), compare_found);
    b->out->migrations =
        arena_alloc(b->arena, (b->count + 1) * sizeof(*b->out->migrations));
    for (size_t i = 0; i < b->count; i++) {
        const struct found *f = &b->list[i];

        if (i > 0 && f->name.version == b->list[i - 1].name.version &&
            f->name.down == b->list[i - 1].name.down)
            report_double(b, &b->list[i - 1], f);
        else if (f->name.down)
            add_down(b, f);
        else
            add_up(b, f);
    }
}

static int
compare_names(const void *a, const void *b)
{
    const struct migration *left = a, *right = b;
    int order = strcmp(left->name, right->name);

    return order != 0 ? order : strcmp(left->up.path, right->up.path);
}

static void
sort_repeatables(struct building *b)
{
    struct migration *list = b->out->repeatables;

    if (b->out->repeatable_count > 1)
        qsort(list, b->out->repeatable_count, sizeof(*list), compare_names);
    for (size_t i = 1; i < b->out->repeatable_count; i++) {
        if (strcmp(list[i].name, list[i - 1].name) == 0)
            add_problem(b, PROBLEM_DUPLICATE, PROBLEM_ERROR, list[i].up.path,
                        arena_printf(b->arena, "%s has two files: '%s' and '%s'",
                                     list[i].name, list[i - 1].up.path, list[i].up.path));
    }
}

void
source_build(const struct layers *layers, struct arena *arena, struct source *out,
             struct problems *problems)
{
    struct building b = {
        .layers = layers, .arena = arena, .out = out, .problems = problems
    };

    *out = (struct source){ .dir = layers->dir, .environments = layers->selection };
    for (size_t i = 0; i < layers->count; i++) {
        const struct layer *layer = &layers->list[i];

        for (size_t n = 0; n < layer->names.count; n++)
            take_name(&b, layer, layer->names.list[n]);
    }
    merge(&b);
    sort_repeatables(&b);
    free(b.list);
}

/* What cannot be read may be one: it is an error when it is read again, not left out. */
static bool
look_for_goose(const char *path, bool *has_down)
{
    struct arena arena = { 0 };
    struct error ignored = { 0 };
    struct fs_text text;
    bool readable = fs_read(path, &arena, &text, &ignored);
    bool is = readable ? goose_is(text.bytes, text.size) : !fs_is_folder(path);

    *has_down = readable && is && goose_has_section(text.bytes, text.size, true);
    arena_release(&arena);
    return is;
}

bool
source_open(const struct settings *settings, struct arena *arena, struct source *out,
            struct problems *problems, struct error *err)
{
    struct layers layers;

    if (!layers_open(settings, arena, &layers, problems, err))
        return false;
    layers.is_goose = look_for_goose;
    source_build(&layers, arena, out, problems);
    return true;
}

const struct migration *
source_find(const struct source *source, int64_t version)
{
    size_t low = 0, high = source->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (source->migrations[middle].version == version)
            return &source->migrations[middle];
        if (source->migrations[middle].version < version)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const char *
source_label(const struct migration *migration, struct arena *arena)
{
    return arena_printf(arena, "%s%s%s", migration->version_text,
                        migration->version_text[0] != '\0' ? "_" : "", migration->name);
}
