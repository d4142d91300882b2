#include "cli/setting_names.h"

#include <stdlib.h>
#include <string.h>

#include "cli/text.h"
#include "plan/layers.h"

static bool
is_utf8(const char *text)
{
    struct text_char c = { .valid = true };

    while (c.valid && text_next(&text, &c))
        continue;
    return c.valid;
}

bool
setting_name(const char *text, const char *where, const char **out, struct error *err)
{
    *out = text;
    if (layers_is_name(text) && is_utf8(text))
        return true;
    error_set(err, ERROR_USAGE, "%s: '%s' cannot be a layer of the migrations folder",
              where, text);
    return error_hint(err, "Write the name of a folder in it: one part of a path, not "
                           "hidden, not lib.");
}

/* The part of *at up to the next comma, without the blanks around it; *at moves on. */
static const char *
next_part(const char **at, struct arena *arena)
{
    const char *start = *at + strspn(*at, " ");
    const char *end = *at + strcspn(*at, ",");

    *at = end + (*end == ',');
    while (end > start && end[-1] == ' ')
        end--;
    return arena_strndup(arena, start, end > start ? (size_t)(end - start) : 0);
}

bool
setting_environments(const char *text, const char *where, struct arena *arena,
                     struct settings *out, struct error *err)
{
    const char **list = arena_alloc(arena, (strlen(text) + 1) * sizeof(*list));
    bool more = true;

    out->environments = list;
    for (out->environment_count = 0; more; out->environment_count++) {
        more = text[strcspn(text, ",")] == ',';
        if (!setting_name(next_part(&text, arena), where, &list[out->environment_count],
                          err))
            return false;
    }
    return true;
}

bool
setting_excluded(const char *text, const char *where, struct arena *arena,
                 struct settings *out, struct error *err)
{
    const char **list = arena_alloc(arena, (strlen(text) + 1) * sizeof(*list));
    bool more = true;

    out->excluded = list;
    for (out->excluded_count = 0; more; out->excluded_count++) {
        more = text[strcspn(text, ",")] == ',';
        list[out->excluded_count] = next_part(&text, arena);
        if (list[out->excluded_count][0] == '\0')
            return error_set(err, ERROR_USAGE, "%s: a name in the list is empty", where);
    }
    return true;
}
