/* fuzz_filename.c - names of files, whatever they hold: what is taken for a migration can
 * be written again from its parts */
#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "plan/filename.h"
#include "tests/fuzz.h"

static void
require(bool ok)
{
    if (!ok)
        abort();
}

static void
check_version(const struct filename *name)
{
    char digits[32];
    const char *text = name->version_text;

    require(name->version >= 0 && text[0] != '\0');
    require(strspn(text, "0123456789") == strlen(text));
    text += strspn(text, "0");
    snprintf(digits, sizeof(digits), "%" PRId64, name->version);
    require(strcmp(text[0] != '\0' ? text : "0", digits) == 0);
}

static const char *
ending(const struct filename *name)
{
    if (name->kind == FILE_LUA)
        return name->down ? ".down.lua" : ".up.lua";
    return name->down ? ".down.sql" : ".up.sql";
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = { 0 };
    const char *text = arena_strndup(&arena, (const char *)data, size);
    struct filename name;

    filename_parse(text, &arena, &name);
    switch (name.class) {
    case FILENAME_MIGRATION:
        check_version(&name);
        require(name.name[0] != '\0');
        require(strcmp(text, arena_printf(&arena, "%s_%s%s", name.version_text, name.name,
                                          ending(&name))) == 0);
        break;
    case FILENAME_REPEATABLE:
        require(strncmp(name.name, "R__", 3) == 0 && name.name[3] != '\0');
        require(strncmp(text, name.name, strlen(name.name)) == 0);
        break;
    case FILENAME_BARE: check_version(&name); break;
    case FILENAME_MISNAMED:
    case FILENAME_SUSPICIOUS: require(name.reason != NULL); break;
    case FILENAME_IGNORED: break;
    }
    arena_release(&arena);
    return 0;
}
