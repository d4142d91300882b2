#include "plan/renumber.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "plan/filename.h"

#define FIRST_TIMESTAMP INT64_C(19700101000000)
#define USUAL_WIDTH     5

struct renumbering {
    struct arena *arena;
    struct renamings *out;
    size_t capacity;
    int64_t highest; /* of the sequence; 0: there is none */
    int width;
};

static bool
is_migration(const struct filename *name)
{
    return name->class == FILENAME_MIGRATION || name->class == FILENAME_BARE;
}

static void
keep(struct renumbering *r, struct renaming renaming)
{
    struct renamings *out = r->out;

    if (out->count == r->capacity) {
        size_t more = r->capacity > 0 ? r->capacity * 2 : 64;
        struct renaming *list = arena_alloc(r->arena, more * sizeof(*list));

        if (out->count > 0)
            memcpy(list, out->list, out->count * sizeof(*list));
        out->list = list;
        r->capacity = more;
    }
    out->list[out->count++] = renaming;
}

/* Until the numbers are known, to is what stands behind the version. */
static void
take(struct renumbering *r, const struct layer *layer, const char *text)
{
    struct filename name;
    int width;

    filename_parse(text, r->arena, &name);
    if (!is_migration(&name))
        return;
    width = (int)strlen(name.version_text);
    if (name.version >= FIRST_TIMESTAMP) {
        keep(r, (struct renaming){ .version = name.version,
                                   .from = fs_join(r->arena, layer->folder, text),
                                   .to = text + width });
    } else if (name.version >= r->highest) {
        r->highest = name.version;
        r->width = width;
    }
}

static int
by_version(const void *a, const void *b)
{
    const struct renaming *left = a, *right = b;

    if (left->version != right->version)
        return left->version < right->version ? -1 : 1;
    return strcmp(left->from, right->from);
}

static void
number(struct renumbering *r)
{
    int64_t next = r->highest;

    for (size_t i = 0; i < r->out->count; i++) {
        struct renaming *renaming = &r->out->list[i];
        const char *slash = strrchr(renaming->from, '/');
        int folder = slash != NULL ? (int)(slash + 1 - renaming->from) : 0;

        next += i == 0 || renaming->version != r->out->list[i - 1].version;
        renaming->to = arena_printf(r->arena, "%.*s%0*" PRId64 "%s", folder,
                                    renaming->from, r->width, next, renaming->to);
    }
}

void
renumber_plan(const struct layers *layers, struct arena *arena, struct renamings *out)
{
    struct renumbering r = { .arena = arena, .out = out, .width = USUAL_WIDTH };

    *out = (struct renamings){ 0 };
    for (size_t i = 0; i < layers->count; i++) {
        for (size_t n = 0; n < layers->list[i].names.count; n++)
            take(&r, &layers->list[i], layers->list[i].names.list[n]);
    }
    if (out->count > 1)
        qsort(out->list, out->count, sizeof(*out->list), by_version);
    number(&r);
}
