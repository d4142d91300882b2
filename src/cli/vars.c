#include "cli/vars.h"

#include <string.h>

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_"

static bool
is_name(const char *text, size_t len)
{
    return len > 0 && strchr(LETTERS, text[0]) != NULL &&
           strspn(text, LETTERS "0123456789") >= len;
}

static void
keep(struct settings *out, struct var *list, const char *name, const char *value)
{
    size_t i = 0;

    while (i < out->var_count && strcmp(list[i].name, name) != 0)
        i++;
    out->var_count += i == out->var_count;
    list[i] = (struct var){ .name = name, .value = value };
}

static bool
keep_option(const char *text, struct arena *arena, struct settings *out, struct var *list,
            struct error *err)
{
    const char *equals = strchr(text, '=');
    size_t len = equals != NULL ? (size_t)(equals - text) : strlen(text);

    if (equals == NULL || !is_name(text, len)) {
        error_set(err, ERROR_USAGE, "--set: '%s' is no NAME=VALUE", text);
        return error_hint(err, "A name is letters, digits and _; write --set TENANT=7.");
    }
    keep(out, list, arena_strndup(arena, text, len), equals + 1);
    return true;
}

bool
vars_compose(const struct options *options, const struct settings_file *file,
             struct arena *arena, struct settings *out, struct error *err)
{
    size_t count = options != NULL ? options->count : 0;
    struct var *list = arena_alloc(arena, (file->var_count + count + 1) * sizeof(*list));

    for (size_t i = 0; i < file->var_count; i++)
        keep(out, list, file->vars[i].name, file->vars[i].value);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(options->values[i].name, "set") == 0 &&
            !keep_option(options->values[i].text, arena, out, list, err))
            return false;
    }
    out->vars = list;
    return true;
}
