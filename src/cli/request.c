#include "cli/request.h"

#include <stdlib.h>
#include <string.h>

static bool
read_count(const char *text, size_t *count, struct error *err)
{
    size_t len = strlen(text);

    if (len == 0 || len > 9 || strspn(text, "0123456789") != len)
        return error_set(err, ERROR_USAGE, "--count: '%s' is no number", text);
    *count = strtoul(text, NULL, 10);
    return true;
}

static bool
read_only(const struct invocation *inv, struct plan_request *out, struct error *err)
{
    int64_t *only = arena_alloc(inv->arena, (inv->value_count + 1) * sizeof(*only));

    for (size_t i = 0; i < inv->value_count; i++) {
        if (strcmp(inv->values[i].name, "only") != 0)
            continue;
        if (!invocation_version(inv->values[i].text, "--only", &only[out->only_count++],
                                err))
            return false;
    }
    out->only = only;
    return true;
}

bool
request_read(const struct invocation *inv, struct plan_request *out, struct error *err)
{
    const char *to = invocation_value(inv, "to");
    const char *count = invocation_value(inv, "count");

    *out = (struct plan_request){ .has_to = to != NULL,
                                  .has_count = count != NULL,
                                  .background = invocation_has(inv, "background") };
    if (to != NULL && !invocation_version(to, "--to", &out->to, err))
        return false;
    if (count != NULL && !read_count(count, &out->count, err))
        return false;
    if (!read_only(inv, out, err))
        return false;
    if (out->only_count > 0 && (out->has_to || out->has_count))
        return error_set(err, ERROR_USAGE, "--only does not go with --to or --count");
    if (out->only_count > 0 && out->background)
        return error_set(
            err, ERROR_USAGE,
            "--only runs in the foreground; it does not go with --background");
    if (out->has_count && out->count == 0)
        return error_set(err, ERROR_USAGE, "--count must be at least 1");
    return true;
}
