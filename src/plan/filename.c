#include "plan/filename.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/utf8.h"

static const struct ending {
    const char *text;
    enum file_kind kind;
    bool down;
} endings[] = {
    { ".up.sql", FILE_SQL, false },
    { ".down.sql", FILE_SQL, true },
    { ".up.lua", FILE_LUA, false },
    { ".down.lua", FILE_LUA, true },
};
#define ENDINGS (sizeof(endings) / sizeof(endings[0]))

static bool
ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), n = strlen(end);

    return len >= n && strcmp(text + len - n, end) == 0;
}

static bool
ends_with_any_case(const char *text, const char *end)
{
    size_t len = strlen(text), n = strlen(end);

    return len >= n && strcasecmp(text + len - n, end) == 0;
}

static size_t
digits(const char *text)
{
    return strspn(text, "0123456789");
}

/* false: more than 64 bits; never rounded. */
static bool
read_version(const char *text, size_t len, struct arena *arena, struct filename *out)
{
    out->version_text = arena_strndup(arena, text, len);
    errno = 0;
    out->version = strtoll(out->version_text, NULL, 10);
    return errno == 0;
}

static void
misnamed(struct filename *out, const char *reason)
{
    out->class = FILENAME_MISNAMED;
    out->reason = reason;
}

static void
parse_migration(const char *text, const struct ending *ending, struct arena *arena,
                struct filename *out)
{
    size_t len = strlen(text) - strlen(ending->text), version = digits(text);

    out->kind = ending->kind;
    out->down = ending->down;
    if (version == 0) {
        misnamed(out, strncmp(text, "R__", 3) == 0
                          ? "a repeatable has one file: write R__<name>.sql or .lua"
                          : "it begins with no version: write <version>_<name>");
    } else if (version >= len || text[version] != '_') {
        misnamed(out, version >= len
                          ? "it has no name: write <version>_<name>"
                          : "an underscore must stand between version and name");
    } else if (version + 1 >= len) {
        misnamed(out, "it has no name: write <version>_<name>");
    } else if (!read_version(text, version, arena, out)) {
        misnamed(out, "its version does not fit 64 bits (largest 9223372036854775807)");
    } else {
        out->class = FILENAME_MIGRATION;
        out->name = arena_strndup(arena, text + version + 1, len - version - 1);
    }
}

static void
suspicious(struct filename *out, const char *reason)
{
    out->class = FILENAME_SUSPICIOUS;
    out->reason = reason;
}

/* Whether it is <version>_<name>.sql, which goose would run. */
static bool
parse_bare(const char *text, struct arena *arena, struct filename *out)
{
    size_t len = strlen(text) - strlen(".sql"), version = digits(text);

    if (!ends_with(text, ".sql") || version + 1 >= len || text[version] != '_' ||
        !read_version(text, version, arena, out))
        return false;
    out->class = FILENAME_BARE;
    out->kind = FILE_SQL;
    out->name = arena_strndup(arena, text + version + 1, len - version - 1);
    return true;
}

/* r__x.sql, R__x.SQL */
static bool
is_nearly_repeatable(const char *text)
{
    return strncasecmp(text, "R__", 3) == 0 &&
           (ends_with_any_case(text, ".sql") || ends_with_any_case(text, ".lua"));
}

static void
parse_other(const char *text, struct arena *arena, struct filename *out)
{
    bool sql = ends_with(text, ".sql"), lua = ends_with(text, ".lua");

    for (size_t i = 0; i < ENDINGS; i++) {
        if (ends_with_any_case(text, endings[i].text))
            suspicious(out, "its ending is not in lower case");
    }
    if (is_nearly_repeatable(text))
        suspicious(out, "write R__ in upper case and .sql or .lua in lower case");
    if (out->class == FILENAME_SUSPICIOUS || digits(text) == 0 || (!sql && !lua))
        return;
    if (ends_with(text, "_up.sql") || ends_with(text, "_up.lua") ||
        ends_with(text, "_down.sql") || ends_with(text, "_down.lua"))
        suspicious(out, "write .up or .down before the ending, not _up or _down");
    else if (parse_bare(text, arena, out))
        out->reason = "it says neither .up nor .down before the ending, and has no "
                      "`-- +goose Up`";
    else
        suspicious(out, "it says neither .up nor .down before the ending");
}

/* R__<name>.sql and .lua run again when they were changed. */
static bool
parse_repeatable(const char *text, struct arena *arena, struct filename *out)
{
    bool sql = ends_with(text, ".sql"), lua = ends_with(text, ".lua");
    size_t len = strlen(text) - 4;

    if (strncmp(text, "R__", 3) != 0 || (!sql && !lua))
        return false;
    if (len <= 3) {
        misnamed(out, "it has no name: write R__<name>");
        return true;
    }
    out->class = FILENAME_REPEATABLE;
    out->kind = sql ? FILE_SQL : FILE_LUA;
    out->name = arena_strndup(arena, text, len);
    return true;
}

static bool
is_utf8(const char *text)
{
    size_t size = strlen(text), at = 0, len = 1;

    for (; at < size && len > 0; at += len)
        len = utf8_length(text + at, size - at);
    return len > 0;
}

static void
classify(const char *text, struct arena *arena, struct filename *out)
{
    for (size_t i = 0; i < ENDINGS; i++) {
        if (ends_with(text, endings[i].text)) {
            parse_migration(text, &endings[i], arena, out);
            return;
        }
    }
    if (!parse_repeatable(text, arena, out))
        parse_other(text, arena, out);
}

/* A name that is not UTF-8 can be recorded in no database. */
void
filename_parse(const char *text, struct arena *arena, struct filename *out)
{
    *out = (struct filename){ .class = FILENAME_IGNORED };
    if (text[0] == '.')
        return;
    classify(text, arena, out);
    if (out->class != FILENAME_IGNORED && !is_utf8(text))
        misnamed(out, "its name is not UTF-8");
}
