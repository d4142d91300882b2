#include "plan/exclude.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool
is_digits(const char *text)
{
    return text[strspn(text, "0123456789")] == '\0';
}

static bool
is_version(const char *text, int64_t version)
{
    long long value;

    errno = 0;
    value = strtoll(text, NULL, 10);
    return errno == 0 && value == version;
}

static bool
is_file(const char *text, const char *path)
{
    const char *slash;

    if (path == NULL)
        return false;
    slash = strrchr(path, '/');
    return strcmp(text, path) == 0 || (slash != NULL && strcmp(text, slash + 1) == 0);
}

/* "0042_a" */
static bool
is_stem(const char *text, const struct migration *m)
{
    size_t len = strlen(m->version_text);

    return strncmp(text, m->version_text, len) == 0 && text[len] == '_' &&
           strcmp(text + len + 1, m->name) == 0;
}

static bool
is_named(const char *text, const struct migration *m)
{
    if (is_digits(text))
        return is_version(text, m->version);
    return strcmp(text, m->name) == 0 || is_stem(text, m) || is_file(text, m->up.path) ||
           is_file(text, m->down.path);
}

static bool
mark(const char *text, struct migration *list, size_t count)
{
    bool found = false;

    for (size_t i = 0; i < count; i++) {
        if (!is_named(text, &list[i]))
            continue;
        list[i].excluded = true;
        found = true;
    }
    return found;
}

bool
exclude_mark(const struct settings *settings, struct source *source, struct error *err)
{
    for (size_t i = 0; i < settings->excluded_count; i++) {
        const char *text = settings->excluded[i];
        bool versioned = mark(text, source->migrations, source->count);

        if (mark(text, source->repeatables, source->repeatable_count) || versioned)
            continue;
        error_set(err, ERROR_USAGE, "'%s' is to be excluded, but is not in '%s'", text,
                  source->dir);
        return error_hint(err, "--exclude (LUAMIG_EXCLUDE, exclude) takes versions, "
                               "titles and names of files.");
    }
    return true;
}
